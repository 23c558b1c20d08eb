-- What may be spent: one row is one budget of the configuration; the highest revision counts.
CREATE TABLE IF NOT EXISTS {database}.{budgets} {on_cluster}
(
    scope      LowCardinality(String) COMMENT 'what is limited: all, project, model, agent or machine',
    name       String COMMENT 'which project (as it is stored, so a pseudonym by default), model, agent or machine; empty for all',
    period     LowCardinality(String) COMMENT 'daily or monthly',
    limit_usd  Decimal(18, 9),
    revision   UInt64 COMMENT 'microseconds since 1970 when it was set',
    is_deleted UInt8 DEFAULT 0 COMMENT '1: the budget is gone'
)
ENGINE = {engine:ReplacingMergeTree}(revision, is_deleted)
ORDER BY (scope, name, period)
{storage_settings}
COMMENT 'one row is one budget';

-- only with a cluster: a budget holds for all machines, whichever shard it lies on
CREATE TABLE IF NOT EXISTS {database}.budgets {on_cluster} AS {database}.budgets_local
ENGINE = Distributed({cluster}, {database}, budgets_local, cityHash64(scope, name));
