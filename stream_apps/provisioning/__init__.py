"""Makes broker and registry show what the ledger says, and reports it back (Faust)."""
