"""Stream processes: enforcement, the ledger, provisioning, the warehouse sink."""
