"""The ledger over Kafka: `follower` reads and checks, `client` acts, `profiles` say who."""
