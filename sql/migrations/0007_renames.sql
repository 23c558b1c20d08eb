-- A machine that is renamed gives its old name back: what is said of a name last, counts.
ALTER TABLE {database}.{machines} {on_cluster}
    ADD COLUMN IF NOT EXISTS state LowCardinality(String) DEFAULT 'claimed' COMMENT 'claimed, renaming or released',
    ADD COLUMN IF NOT EXISTS renamed_to String COMMENT 'the new name, of a machine that is being renamed or was';

-- only with a cluster: the table over the shards has the columns of theirs
ALTER TABLE {database}.machines {on_cluster}
    ADD COLUMN IF NOT EXISTS state LowCardinality(String) DEFAULT 'claimed' COMMENT 'claimed, renaming or released',
    ADD COLUMN IF NOT EXISTS renamed_to String COMMENT 'the new name, of a machine that is being renamed or was';
