"""The warehouse sink: carries metering and the ledger's grants into ClickHouse (Faust)."""
