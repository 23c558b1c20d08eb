-- What a load left behind, so that rows that vanish later are missed.
ALTER TABLE {database}.{loads} {on_cluster}
    ADD COLUMN IF NOT EXISTS records_after Nullable(UInt64) COMMENT 'records of the machine, all reports, after this load; NULL for loads of older versions' AFTER tokens_after;

-- only with a cluster: the table that reads and writes all shards shows the column too
ALTER TABLE {database}.loads {on_cluster}
    ADD COLUMN IF NOT EXISTS records_after Nullable(UInt64) COMMENT 'records of the machine, all reports, after this load; NULL for loads of older versions' AFTER tokens_after;
