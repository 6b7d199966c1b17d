"""The schema registry: Confluent's REST subset, kept in `_schemas` in Confluent's record format.

`server` answers HTTP (`requests` reads, `answers` says what the state alone can), `store` keeps the
log, `state` is what the log says, `records` is its format, `refusal` speaks Confluent's error
codes, `writers` says who may register. `schemas.schema_text` judges what is offered,
`schemas.evolution` whether it may follow, which `compatibility` asks. `client` is the bus's own way
to any registry, `address` where that is.
"""
