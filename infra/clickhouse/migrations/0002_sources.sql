-- Which source department's records a metering record counts (R10.2); empty for a backfill, which
-- reads what all sources sent.

ALTER TABLE metering ADD COLUMN IF NOT EXISTS source String AFTER resource;
