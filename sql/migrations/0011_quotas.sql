-- How much of a plan may be used: one row is one quota of a machine's configuration; the highest revision counts.
CREATE TABLE IF NOT EXISTS {database}.{quotas} {on_cluster}
(
    machine    LowCardinality(String) COMMENT 'the machine whose configuration holds it, and whose usage it limits',
    name       LowCardinality(String) COMMENT 'block_tokens, block_usd or week_usd',
    maximum    Nullable(Decimal(38, 9)) COMMENT 'tokens or US dollars; NULL for the largest of the past',
    revision   UInt64 COMMENT 'microseconds since 1970 when it was set',
    is_deleted UInt8 DEFAULT 0 COMMENT '1: the quota is gone'
)
ENGINE = {engine:ReplacingMergeTree}(revision, is_deleted)
ORDER BY (machine, name)
{storage_settings}
COMMENT 'one row is one quota';

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.quotas {on_cluster} AS {database}.quotas_local
ENGINE = Distributed({cluster}, {database}, quotas_local, cityHash64(machine));
