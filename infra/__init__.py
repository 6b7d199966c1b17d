"""How to reach real things: Kafka, the ledger, the registry, ClickHouse, processes."""
