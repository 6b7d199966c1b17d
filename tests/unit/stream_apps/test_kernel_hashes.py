"""The kernel's hashes are the published ones."""

from __future__ import annotations

import hashlib
import random

import numpy as np

from stream_apps.enforcement.kernel import blake2, cutting, members
from stream_apps.enforcement.scanner import KeyBatch, writable


def pseudonyms(key: bytes, texts: list[bytes]) -> list[str]:
    state = np.zeros(16, np.uint64)
    blake2.start(writable(key), state)
    batch = KeyBatch(texts)
    out = np.empty(32 * len(texts), np.uint8)
    cutting.pseudonymise(state, batch.bytes, batch.offsets, np.arange(len(texts)), out)
    joined = out.tobytes().decode()
    return [joined[32 * i : 32 * (i + 1)] for i in range(len(texts))]


def test_pseudonyms_are_keyed_blake2b() -> None:
    """Of every length round the blocks' ends, the empty text among them, and for keys of any."""
    rng = random.Random(5)
    texts = [rng.randbytes(n) for n in (*range(140), 255, 256, 257, 5000)]
    for size in (1, 16, 32, 63, 64):
        key = rng.randbytes(size)
        expected = [hashlib.blake2b(t, digest_size=16, key=key).hexdigest() for t in texts]
        assert pseudonyms(key, texts) == expected


def test_keys_are_hashed_by_siphash() -> None:
    """The test vectors of its authors: key and texts count up from 0."""
    vectors = [0x726FDB47DD0E0E31, 0x74F839C593DC67FD, 0x0D6C8009D9A94F5A, 0x85676696D7FB7E2D]
    secret = np.frombuffer(bytearray(range(16)), np.uint64)
    texts = KeyBatch([bytes(range(n)) for n in (*range(4), 15)])
    hashes = np.empty(5, np.uint64)
    members.hash_texts(secret, texts.bytes, texts.offsets, np.arange(5), hashes)
    assert hashes.tolist() == [*vectors, 0xA129CA6149BE45E5]
