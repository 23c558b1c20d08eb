-- What a plan costs: one row is the plan of a machine's configuration; the highest revision counts.
CREATE TABLE IF NOT EXISTS {database}.{plans} {on_cluster}
(
    machine     LowCardinality(String) COMMENT 'the machine whose configuration holds it, and whose usage it pays for',
    account     String COMMENT 'machines with the same account share one plan; empty for the one without a name',
    monthly_usd Decimal(18, 9) COMMENT 'price of a month in US dollars',
    revision    UInt64 COMMENT 'microseconds since 1970 when it was set',
    is_deleted  UInt8 DEFAULT 0 COMMENT '1: the plan is gone'
)
ENGINE = {engine:ReplacingMergeTree}(revision, is_deleted)
ORDER BY machine
{storage_settings}
COMMENT 'one row is the plan of one machine';

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.plans {on_cluster} AS {database}.plans_local
ENGINE = Distributed({cluster}, {database}, plans_local, cityHash64(machine));
