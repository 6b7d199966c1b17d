-- What enforcement let out, and under which grants (R17: what each department provided and used).
-- Plain types and engines only, so that ClickHouse 18.16 runs it too.

-- One row a metering record, as it came. Read with FINAL: the sink may send a record twice.
CREATE TABLE IF NOT EXISTS metering (
    topic String,
    partition UInt32,
    offset UInt64,
    at DateTime('UTC'),
    kind String,
    slot UInt32,
    ledger_sequence UInt64,
    resource String,
    source_partition UInt32,
    from_offset UInt64,
    to_offset UInt64,
    records UInt64,
    deletes UInt64,
    quarantined Nested(reason String, count UInt64),
    views Nested(view String, out UInt64, deletes UInt64, bytes UInt64)
) ENGINE = ReplacingMergeTree()
PARTITION BY toYYYYMM(at)
ORDER BY (topic, partition, offset);

-- The latest version of each grant, as the ledger has it. Read with FINAL. A sequence of 0 says
-- that the ledger has no such entry yet; ended_at 1970-01-01 says that the grant has not ended.
CREATE TABLE IF NOT EXISTS grants (
    `grant` String,
    subscriber String,
    resource String,
    view String,
    purpose_kind String,
    matter String,
    status String,
    active_sequence UInt64,
    cut_sequence UInt64,
    granted_at DateTime('UTC'),
    ended_at DateTime('UTC'),
    sequence UInt64
) ENGINE = ReplacingMergeTree(sequence)
ORDER BY `grant`;

-- For analysts: one row a metering record and view that it let out to.
CREATE VIEW IF NOT EXISTS supply AS
SELECT
    topic,
    partition,
    offset,
    at,
    kind,
    slot,
    ledger_sequence,
    resource,
    source_partition,
    views.view AS view,
    views.out AS out,
    views.deletes AS deletes,
    views.bytes AS bytes
FROM metering FINAL
ARRAY JOIN views;
