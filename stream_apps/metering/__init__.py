"""The warehouse sink: metering, findings and the ledger's grants into ClickHouse (Faust)."""
