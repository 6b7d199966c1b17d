"""The schema registry: Confluent's REST subset, kept in `_schemas` in Confluent's record format.

`server` answers HTTP, `store` keeps the log, `state` is what the log says, `records` is its format,
`refusal` speaks Confluent's error codes; `schemas.schema_text` judges what is offered. `client` is
the bus's own way to any registry. Compatibility between versions is not here yet: a subject has
one.
"""
