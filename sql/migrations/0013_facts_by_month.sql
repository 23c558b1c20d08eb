-- The facts of which there are most, in the order of months: a question about a day or a month need not look at all the others. Ids are digests, so in
-- their order each granule has some rows of every day.

-- Like message_facts. Copies replace each other only under one month, so it stays as it was when a copy was first stored: whoever writes the
-- copy again asks for it.
CREATE TABLE IF NOT EXISTS {database}.{message_facts_by_month} {on_cluster}
(
    month                    Date DEFAULT toStartOfMonth(toDate(at, 'UTC')) COMMENT 'month of at in UTC when this copy was first stored; it stays',
    machine                  LowCardinality(String),
    message                  UInt64 COMMENT 'number of the id of the message; 0 where it has none',
    request                  UInt64 COMMENT 'number of the id of the request; 0 where it has none',
    counted_session          UInt64 COMMENT 'number of the session for which ccusage counts it',
    copy                     UInt8 COMMENT 'kind of copy: bits for daily and session of ccusage, which count it, for a subagent, and for one of which its parent tells',
    record                   UInt64 COMMENT 'tells records apart where ids do not; else 0',
    version                  UInt128 COMMENT 'rank of the copy, then the load: the highest one of a key counts',
    load_id                  UInt64 COMMENT 'the load that wrote this row',
    first_load_id            UInt64 COMMENT 'the load that met the message first',
    taken_back               UInt64 COMMENT 'odd: an undo took it back',
    file_order               UInt64 COMMENT 'of the file of this copy among all files: of equal copies the first one counts',
    position                 UInt64 COMMENT 'of the line in that file',
    is_shown                 Bool COMMENT 'of all copies of the message this is the one that counts',
    counts_in                UInt8 COMMENT 'rules of ccusage by which this copy counts: 1 daily, 2 all other reports',
    at                       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    date                     Date COMMENT 'day in the zone of the row',
    other_times              Array(Int64) COMMENT 'when its other records were written, in milliseconds after at' CODEC(ZSTD(1)),
    timezone                 LowCardinality(String),
    session_id               LowCardinality(String),
    claude_session_id        LowCardinality(String),
    project                  LowCardinality(String),
    branch                   LowCardinality(String),
    model                    LowCardinality(String),
    speed                    LowCardinality(String),
    service_tier             LowCardinality(String),
    input_tokens             UInt64,
    output_tokens            UInt64,
    cache_creation_5m_tokens UInt64,
    cache_creation_1h_tokens UInt64,
    cache_read_tokens        UInt64,
    cost_usd                 Decimal(38, 15),
    unpriced                 Bool,
    listed_cost_usd          Nullable(Float64) COMMENT 'what the transcript itself says of the cost',
    stop_reason              LowCardinality(String),
    is_final                 Bool,
    is_subagent              Bool,
    agent_id                 UInt64 COMMENT 'number of the id of the subagent; 0 for a session itself',
    texts                    UInt32,
    thoughts                 UInt32,
    tool_uses                UInt32,
    text_characters          UInt64,
    web_searches             UInt64,
    claude_version           LowCardinality(String),
    entrypoint               LowCardinality(String),
    turn                     UInt64,
    INDEX dates date TYPE minmax GRANULARITY 1,
    INDEX instants at TYPE minmax GRANULARITY 1
)
ENGINE = {engine:ReplacingMergeTree}(version)
ORDER BY (month, machine, message, request, counted_session, copy, record)
{storage_settings}
COMMENT 'one row is one kind of copy of one answer of a model';

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.message_facts_by_month {on_cluster} AS {database}.message_facts_by_month_local
ENGINE = Distributed({cluster}, {database}, message_facts_by_month_local, cityHash64(machine));

-- Like tool_call_facts, in the same way.
CREATE TABLE IF NOT EXISTS {database}.{tool_call_facts_by_month} {on_cluster}
(
    month             Date DEFAULT toStartOfMonth(toDate(coalesce(called_at, answered_at, toDateTime64(0, 3)), 'UTC')) COMMENT 'month in UTC of the call, or of its result, when one of them was first stored; it stays',
    machine           LowCardinality(String),
    call              UInt64 COMMENT 'number of the id of the call',
    first_load_id     SimpleAggregateFunction(min, UInt64) COMMENT 'the load that met it first',
    last_load_id      SimpleAggregateFunction(max, UInt64) COMMENT 'the last load that told of it',
    taken_back        SimpleAggregateFunction(max, UInt64) COMMENT 'odd: an undo took it back',
    called_at         SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))),
    answered_at       SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))),
    tool              SimpleAggregateFunction(max, LowCardinality(String)),
    mcp_server        SimpleAggregateFunction(max, LowCardinality(String)),
    file              SimpleAggregateFunction(max, String),
    extension         SimpleAggregateFunction(max, LowCardinality(String)),
    message           SimpleAggregateFunction(max, UInt64),
    session_id        SimpleAggregateFunction(max, LowCardinality(String)),
    claude_session_id SimpleAggregateFunction(max, LowCardinality(String)),
    project           SimpleAggregateFunction(max, LowCardinality(String)),
    turn              SimpleAggregateFunction(max, UInt64),
    agent_id          SimpleAggregateFunction(max, UInt64),
    is_subagent       SimpleAggregateFunction(max, UInt8),
    is_error          SimpleAggregateFunction(max, UInt8),
    is_interrupted    SimpleAggregateFunction(max, UInt8),
    error_class       SimpleAggregateFunction(max, LowCardinality(String)),
    lines_added       SimpleAggregateFunction(max, UInt32),
    lines_removed     SimpleAggregateFunction(max, UInt32),
    running_ms        SimpleAggregateFunction(max, Nullable(UInt64)),
    subagent_tokens   SimpleAggregateFunction(max, Nullable(UInt64)),
    subagent_ms       SimpleAggregateFunction(max, Nullable(UInt64)),
    started_agent     SimpleAggregateFunction(max, UInt64),
    INDEX calls called_at TYPE minmax GRANULARITY 1
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (month, machine, call)
{storage_settings}
COMMENT 'one row is one call of a tool';

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.tool_call_facts_by_month {on_cluster} AS {database}.tool_call_facts_by_month_local
ENGINE = Distributed({cluster}, {database}, tool_call_facts_by_month_local, cityHash64(machine));

-- Where a new table was dropped since and is made again, the old ones are gone: they are made empty, and 0014 drops them again.
CREATE TABLE IF NOT EXISTS {database}.{message_facts} {on_cluster} AS {database}.{message_facts_by_month}
ENGINE = {engine:ReplacingMergeTree}(version)
ORDER BY (month, machine, message, request, counted_session, copy, record);

CREATE TABLE IF NOT EXISTS {database}.{tool_call_facts} {on_cluster} AS {database}.{tool_call_facts_by_month}
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (month, machine, call);

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.message_facts {on_cluster} AS {database}.message_facts_local
ENGINE = Distributed({cluster}, {database}, message_facts_local, cityHash64(machine));

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.tool_call_facts {on_cluster} AS {database}.tool_call_facts_local
ENGINE = Distributed({cluster}, {database}, tool_call_facts_local, cityHash64(machine));

-- A program that was started before this can no longer write into the old table: it fails, and later reads again what it could not store.
ALTER TABLE {database}.{message_facts} {on_cluster} ADD CONSTRAINT IF NOT EXISTS moved_to_message_facts_by_month CHECK false;

INSERT INTO {database}.message_facts_by_month
(
    machine, message, request, counted_session, copy, record, version, load_id, first_load_id, taken_back, file_order, position, is_shown,
    counts_in, at, date, other_times, timezone, session_id, claude_session_id, project, branch, model, speed, service_tier, input_tokens,
    output_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, cache_read_tokens, cost_usd, unpriced, listed_cost_usd, stop_reason,
    is_final, is_subagent, agent_id, texts, thoughts, tool_uses, text_characters, web_searches, claude_version, entrypoint, turn
)
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0
SELECT
    machine, message, request, counted_session, copy, record, version, load_id, first_load_id, taken_back, file_order, position, is_shown,
    counts_in, at, date, other_times, timezone, session_id, claude_session_id, project, branch, model, speed, service_tier, input_tokens,
    output_tokens, cache_creation_5m_tokens, cache_creation_1h_tokens, cache_read_tokens, cost_usd, unpriced, listed_cost_usd, stop_reason,
    is_final, is_subagent, agent_id, texts, thoughts, tool_uses, text_characters, web_searches, claude_version, entrypoint, turn
FROM {database}.message_facts FINAL;

-- A program that was started before this can no longer write into the old table: it fails, and later reads again what it could not store.
ALTER TABLE {database}.{tool_call_facts} {on_cluster} ADD CONSTRAINT IF NOT EXISTS moved_to_tool_call_facts_by_month CHECK false;

INSERT INTO {database}.tool_call_facts_by_month
(
    machine, call, first_load_id, last_load_id, taken_back, called_at, answered_at, tool, mcp_server, file, extension, message, session_id,
    claude_session_id, project, turn, agent_id, is_subagent, is_error, is_interrupted, error_class, lines_added, lines_removed, running_ms,
    subagent_tokens, subagent_ms, started_agent
)
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0
SELECT
    machine, call, first_load_id, last_load_id, taken_back, called_at, answered_at, tool, mcp_server, file, extension, message, session_id,
    claude_session_id, project, turn, agent_id, is_subagent, is_error, is_interrupted, error_class, lines_added, lines_removed, running_ms,
    subagent_tokens, subagent_ms, started_agent
FROM {database}.tool_call_facts FINAL;
