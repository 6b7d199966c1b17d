"""Enforcement beside its peers: the same bytes in, the same outputs out, on one broker."""
