-- Signs of life of a source (R13): heartbeats, which are no records, and when the broker took the
-- newest record and the newest heartbeat. 1970-01-01 says that there was none.

ALTER TABLE metering ADD COLUMN IF NOT EXISTS heartbeats UInt64;
ALTER TABLE metering ADD COLUMN IF NOT EXISTS last_record_at DateTime('UTC');
ALTER TABLE metering ADD COLUMN IF NOT EXISTS last_heartbeat_at DateTime('UTC');
