"""The ledger process: one writer that answers commands, in order, each exactly once."""
