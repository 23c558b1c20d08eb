CREATE TABLE IF NOT EXISTS {database}.{schema_migrations} {on_cluster}
(
    version    String COMMENT 'number of a migration, or name of a view',
    checksum   String COMMENT 'SHA-256 of the file',
    applied_at DateTime64(3, 'UTC'),
    tool_version LowCardinality(String)
)
ENGINE = {engine:ReplacingMergeTree}(applied_at)
ORDER BY version
{storage_settings}
COMMENT 'one row is one applied migration or view';

-- only with a cluster: whichever node answers knows what was applied
CREATE TABLE IF NOT EXISTS {database}.schema_migrations {on_cluster} AS {database}.schema_migrations_local
ENGINE = Distributed({cluster}, {database}, schema_migrations_local, cityHash64(version));
