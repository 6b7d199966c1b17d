-- What inspection found: where a record stands, and which sequence it should have and has.
-- record_topic, record_partition and record_offset name the record; topic, partition and offset the
-- finding itself. One row a finding; read with FINAL: the sink may send one twice.

CREATE TABLE IF NOT EXISTS findings (
    topic String,
    partition UInt32,
    offset UInt64,
    at DateTime('UTC'),
    kind String,
    resource String,
    source String,
    record_topic String,
    record_partition UInt32,
    record_offset UInt64,
    expected Int64,
    found Int64
) ENGINE = ReplacingMergeTree()
PARTITION BY toYYYYMM(at)
ORDER BY (topic, partition, offset);
