"""The compiled loops, one file an entry point and what they share.

`scanning` checks a batch, `rows` chooses among its records, `cutting` writes what a view gets,
`members` remembers which keys a view holds. Below them: `octets` reads and writes, `masks` and
`blake2` change values. Instructions are `stream_apps.enforcement.plan`'s; buffers are `layouts`'.

Rules in here: numbers are signed 64-bit, because mixing in uint64 wraps (hashes are uint64
throughout), and a byte is read through `byte`, because arithmetic on uint8 stays uint8; indices
alone are unsigned (`u`), because signed ones may count from the end, which costs a test each and
keeps loops from being vectorised; lengths are compared as `n > end - p`, because `p + n` can
overflow; every write comes after a check of the room left.

numba's cache notices a change in a function's own file only, so what is kept on disk is kept under
the digest of all files here (`jit`).
"""
