-- A record that is dated after the day on which it was read is stored, but it is nobody's usage of today.
ALTER TABLE {database}.{records} {on_cluster}
    ADD COLUMN IF NOT EXISTS is_dated_ahead Bool COMMENT 'the day had not come yet when the record was read';

-- only with a cluster: the table that reads and writes them all has the same columns
ALTER TABLE {database}.records {on_cluster}
    ADD COLUMN IF NOT EXISTS is_dated_ahead Bool COMMENT 'the day had not come yet when the record was read';
