"""Compares the broker with what the ledger and the declared permissions say, and mends it."""
