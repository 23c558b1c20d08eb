-- What is true now: one row is one record of one report. Read it through the views.
-- One INSERT of one block into one partition is published at once; the newest load of a key wins.
CREATE TABLE IF NOT EXISTS {database}.{records} {on_cluster}
(
    load_id               UInt64 COMMENT 'the load that wrote this row; the newest row of a key is the one that counts',
    is_deleted            UInt8 DEFAULT 0 COMMENT '1: the record is gone',
    report                LowCardinality(String) COMMENT 'daily, monthly, session, blocks or projects',
    machine               LowCardinality(String) COMMENT 'the host the usage came from',
    agent                 LowCardinality(String) COMMENT 'the coding tool the usage came from',
    key                   String COMMENT 'natural key of the record within its report',
    day                   Date COMMENT 'day of the record in its time zone; first day of a month, last day of a session',
    input_tokens          UInt64,
    output_tokens         UInt64,
    cache_creation_tokens UInt64,
    cache_read_tokens     UInt64,
    total_tokens          UInt64 COMMENT 'sum of the four classes',
    cost_usd              Decimal(18, 9),
    unpriced              Bool COMMENT 'some of the usage has no price and counts as 0 in cost_usd',
    ccusage_version       LowCardinality(String),
    timezone              LowCardinality(String) COMMENT 'IANA zone in which days begin',
    cost_mode             LowCardinality(String),
    data_dirs             Array(String) COMMENT 'keyed hashes of the data directories that were read',
    models                Array(Tuple(
                              model String,
                              input_tokens UInt64,
                              output_tokens UInt64,
                              cache_creation_tokens UInt64,
                              cache_read_tokens UInt64,
                              cost_usd Decimal(18, 9),
                              unpriced Bool
                          )) COMMENT 'the breakdown by model, most expensive first',
    models_used           Array(LowCardinality(String)),
    project               String,
    session_id            String,
    started_at            Nullable(DateTime64(3, 'UTC')) COMMENT 'first activity of a session, start of a block',
    ended_at              Nullable(DateTime64(3, 'UTC')) COMMENT 'last activity',
    is_project_total      Bool COMMENT 'a whole project that ccusage 18 and older show as a session',
    block_ends_at         Nullable(DateTime64(3, 'UTC')),
    is_active             Bool COMMENT 'the block was still open',
    entries               UInt64 COMMENT 'messages of a block',
    tokens_per_minute     Nullable(Float64),
    cost_per_hour_usd     Nullable(Float64),
    projected_tokens      Nullable(UInt64),
    projected_cost_usd    Nullable(Decimal(18, 9)),
    remaining_minutes     Nullable(UInt64),
    limit_resets_at       Nullable(DateTime64(3, 'UTC'))
)
ENGINE = {engine:ReplacingMergeTree}(load_id, is_deleted)
ORDER BY (report, machine, agent, key)
{storage_settings}
COMMENT 'one row is one record of a ccusage report as it is now';

-- Why: one row is one verdict of one load, with both rows, so that it can be undone.
CREATE TABLE IF NOT EXISTS {database}.{changes} {on_cluster}
(
    load_id         UInt64,
    decided_at      DateTime64(3, 'UTC'),
    report          LowCardinality(String),
    machine         LowCardinality(String),
    agent           LowCardinality(String),
    key             String,
    day             Date,
    verdict         LowCardinality(String) COMMENT 'new, grew, repriced, corrected or held',
    reason          LowCardinality(String),
    is_written      Bool COMMENT 'the offer replaced what was stored; without an offer the record was deleted',
    stored_tokens   UInt64,
    offered_tokens  UInt64,
    stored_cost_usd  Decimal(18, 9),
    offered_cost_usd Decimal(18, 9),
    stored          String COMMENT 'the stored row as JSON; empty where nothing was stored' CODEC(ZSTD(3)),
    offered         String COMMENT 'the offered row as JSON; empty where nothing was offered' CODEC(ZSTD(3))
)
ENGINE = {engine:MergeTree}
ORDER BY (machine, report, agent, key, load_id)
{storage_settings:changes}
COMMENT 'one row is one verdict of one load on one record';

-- Who, when, with what: one row is one load; the highest revision counts.
CREATE TABLE IF NOT EXISTS {database}.{loads} {on_cluster}
(
    load_id         UInt64 COMMENT 'microseconds since 1970, strictly increasing for a machine',
    revision        UInt64,
    machine         LowCardinality(String),
    state           LowCardinality(String) COMMENT 'running, committed, failed, interrupted or undone',
    started_at      DateTime64(3, 'UTC'),
    finished_at     Nullable(DateTime64(3, 'UTC')),
    installation    String COMMENT 'keyed hash of the installation that ran it',
    tool_version    LowCardinality(String),
    ccusage_version LowCardinality(String),
    runner          LowCardinality(String) COMMENT 'command, PATH, bunx, npx or files',
    timezone        LowCardinality(String),
    cost_mode       LowCardinality(String),
    is_offline      Bool,
    data_dirs       Array(String) COMMENT 'keyed hashes of the data directories that were read',
    reports         Array(LowCardinality(String)) COMMENT 'the reports that were fetched and valid',
    failed_reports  Array(LowCardinality(String)),
    verdicts        Map(String, UInt64) COMMENT 'records by report/verdict',
    tokens_before   UInt64 COMMENT 'tokens of all days before this load',
    tokens_after    UInt64,
    cost_before_usd Decimal(18, 9),
    cost_after_usd  Decimal(18, 9),
    intact_from     Nullable(Date) COMMENT 'first day whose transcripts could not have been deleted yet',
    undoes          UInt64 COMMENT 'the load that this one took back; 0 for an import',
    phases          Map(String, Float64) COMMENT 'seconds by phase',
    warnings        Array(String),
    error           String
)
ENGINE = {engine:ReplacingMergeTree}(revision)
ORDER BY (machine, load_id)
{storage_settings}
COMMENT 'one row is one load';

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.records {on_cluster} AS {database}.records_local
ENGINE = Distributed({cluster}, {database}, records_local, cityHash64(machine));

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.changes {on_cluster} AS {database}.changes_local
ENGINE = Distributed({cluster}, {database}, changes_local, cityHash64(machine));

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.loads {on_cluster} AS {database}.loads_local
ENGINE = Distributed({cluster}, {database}, loads_local, cityHash64(machine));
