"""What everyone agrees on. Pure: no I/O, no threads, no environment, no clock."""
