-- What transcripts say, kept when they are deleted. Nothing that people or models wrote is here: only numbers, times, names from closed
-- lists, and pseudonyms. Read it through the views messages, tool_calls, turns and events.

-- Copies of answers: one row is the largest record of one kind of copy. However often, and in whatever order, transcripts are read, the
-- engine keeps the copy of the highest rank, and of that what was judged of it last.
CREATE TABLE IF NOT EXISTS {database}.{message_facts} {on_cluster}
(
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
    turn                     UInt64
)
ENGINE = {engine:ReplacingMergeTree}(version)
ORDER BY (machine, message, request, counted_session, copy, record)
{storage_settings}
COMMENT 'one row is one kind of copy of one answer of a model';

-- Calls of tools: the call and its result may stand in different files and arrive in different loads, the engine joins them.
CREATE TABLE IF NOT EXISTS {database}.{tool_call_facts} {on_cluster}
(
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
    started_agent     SimpleAggregateFunction(max, UInt64)
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (machine, call)
{storage_settings}
COMMENT 'one row is one call of a tool';

-- Prompts, and how far what they caused had gone.
CREATE TABLE IF NOT EXISTS {database}.{turn_facts} {on_cluster}
(
    machine           LowCardinality(String),
    turn              UInt64 COMMENT 'number of the id of the prompt',
    first_load_id     SimpleAggregateFunction(min, UInt64) COMMENT 'the load that met it first',
    last_load_id      SimpleAggregateFunction(max, UInt64) COMMENT 'the last load that told of it',
    taken_back        SimpleAggregateFunction(max, UInt64) COMMENT 'odd: an undo took it back',
    at                SimpleAggregateFunction(min, Nullable(DateTime64(3, 'UTC'))),
    ended_at          SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
    kind              SimpleAggregateFunction(max, LowCardinality(String)),
    command           SimpleAggregateFunction(max, LowCardinality(String)),
    is_built_in       SimpleAggregateFunction(max, UInt8),
    characters        SimpleAggregateFunction(max, UInt64),
    session_id        SimpleAggregateFunction(max, LowCardinality(String)),
    claude_session_id SimpleAggregateFunction(max, LowCardinality(String)),
    project           SimpleAggregateFunction(max, LowCardinality(String)),
    branch            SimpleAggregateFunction(max, LowCardinality(String)),
    claude_version    SimpleAggregateFunction(max, LowCardinality(String)),
    permission_mode   SimpleAggregateFunction(max, LowCardinality(String))
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (machine, turn)
{storage_settings}
COMMENT 'one row is one prompt';

-- What happened to a session besides.
CREATE TABLE IF NOT EXISTS {database}.{event_facts} {on_cluster}
(
    machine           LowCardinality(String),
    event             UInt64 COMMENT 'number of the id of the record',
    first_load_id     SimpleAggregateFunction(min, UInt64) COMMENT 'the load that met it first',
    last_load_id      SimpleAggregateFunction(max, UInt64) COMMENT 'the last load that told of it',
    taken_back        SimpleAggregateFunction(max, UInt64) COMMENT 'odd: an undo took it back',
    kind              SimpleAggregateFunction(max, LowCardinality(String)),
    at                SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    detail            SimpleAggregateFunction(max, LowCardinality(String)),
    session_id        SimpleAggregateFunction(max, LowCardinality(String)),
    claude_session_id SimpleAggregateFunction(max, LowCardinality(String)),
    project           SimpleAggregateFunction(max, LowCardinality(String)),
    turn              SimpleAggregateFunction(max, UInt64),
    tokens_before     SimpleAggregateFunction(max, Nullable(UInt64)),
    tokens_after      SimpleAggregateFunction(max, Nullable(UInt64)),
    wait_ms           SimpleAggregateFunction(max, Nullable(Float64)),
    resets_at         SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC')))
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (machine, event)
{storage_settings}
COMMENT 'one row is one thing that happened to a session';

-- What a load brought of facts.
ALTER TABLE {database}.{loads} {on_cluster}
    ADD COLUMN IF NOT EXISTS facts Map(String, UInt64) COMMENT 'facts of transcripts that the load met first, by kind, and lines that could not be read';

-- only with a cluster: the table that reads and writes all shards shows the column too
ALTER TABLE {database}.loads {on_cluster}
    ADD COLUMN IF NOT EXISTS facts Map(String, UInt64) COMMENT 'facts of transcripts that the load met first, by kind, and lines that could not be read';

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.message_facts {on_cluster} AS {database}.message_facts_local
ENGINE = Distributed({cluster}, {database}, message_facts_local, cityHash64(machine));

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.tool_call_facts {on_cluster} AS {database}.tool_call_facts_local
ENGINE = Distributed({cluster}, {database}, tool_call_facts_local, cityHash64(machine));

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.turn_facts {on_cluster} AS {database}.turn_facts_local
ENGINE = Distributed({cluster}, {database}, turn_facts_local, cityHash64(machine));

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.event_facts {on_cluster} AS {database}.event_facts_local
ENGINE = Distributed({cluster}, {database}, event_facts_local, cityHash64(machine));
