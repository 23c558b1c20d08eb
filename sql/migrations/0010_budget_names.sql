-- A budget may be of a name that people use, for which several stored ones stand.
ALTER TABLE {database}.{budgets} {on_cluster}
    ADD COLUMN IF NOT EXISTS covers Array(String) COMMENT 'the stored projects or models that `name` means; empty where it is one of them itself' AFTER name;

-- only with a cluster: the table over the shards has the columns of theirs
ALTER TABLE {database}.budgets {on_cluster} ADD COLUMN IF NOT EXISTS covers Array(String) AFTER name;
