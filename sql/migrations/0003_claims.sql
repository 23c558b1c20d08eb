-- Whose name a machine's is: append-only, one row is one claim. The earliest one owns the name.
CREATE TABLE IF NOT EXISTS {database}.{machines} {on_cluster}
(
    machine      LowCardinality(String),
    installation String COMMENT 'random identifier of the installation that claims the name',
    claimed_at   DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'by the clock of the server'
)
ENGINE = {engine:MergeTree}
ORDER BY (machine, claimed_at, installation)
{storage_settings:changes}
COMMENT 'one row is one claim of a machine name';

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.machines {on_cluster} AS {database}.machines_local
ENGINE = Distributed({cluster}, {database}, machines_local, cityHash64(machine));

-- A budget belongs to the machine that set it: two machines may limit the same thing, each as it likes.
ALTER TABLE {database}.{budgets} {on_cluster}
    ADD COLUMN IF NOT EXISTS set_by String COMMENT 'the machine whose configuration holds it; empty where an older release wrote it',
    MODIFY ORDER BY (scope, name, period, set_by);

-- only with a cluster: the table over the shards has the columns of theirs
ALTER TABLE {database}.budgets {on_cluster} ADD COLUMN IF NOT EXISTS set_by String;

-- How projects and sessions are named in what a load wrote.
ALTER TABLE {database}.{loads} {on_cluster}
    ADD COLUMN IF NOT EXISTS naming Nullable(String) COMMENT 'empty: names in clear; else a fingerprint of the salt of the pseudonyms; NULL where an older release wrote it';

-- only with a cluster: the table over the shards has the columns of theirs
ALTER TABLE {database}.loads {on_cluster} ADD COLUMN IF NOT EXISTS naming Nullable(String);
