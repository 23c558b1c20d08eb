-- What is left of facts that `compact` folded: totals by hour, and the ids by which they are known when they are read again.

-- Shown once message_facts holds the row of the fold: message 1, record the number of the fold. That row and what hides the folded
-- messages are written in one INSERT. No message has that number: ids are 64 bits of a digest.
CREATE TABLE IF NOT EXISTS {database}.{hour_facts} {on_cluster}
(
    machine                  LowCardinality(String),
    date                     Date COMMENT 'day in the zone of what was folded',
    hour                     DateTime('UTC') COMMENT 'start of the clock hour, in UTC' CODEC(Delta, ZSTD(1)),
    fold                     UInt64 COMMENT 'the load that folded',
    number                   UInt64 COMMENT 'tells the rows of an hour apart',
    first_load_id            UInt64 COMMENT 'the load that brought what was folded',
    last_load_id             UInt64 COMMENT 'the load that wrote this row: the highest one of a key counts',
    taken_back               UInt64 COMMENT 'odd: an undo took it back',
    timezone                 LowCardinality(String),
    model                    LowCardinality(String) COMMENT 'empty for all but messages',
    project                  LowCardinality(String),
    session_id               LowCardinality(String),
    claude_session_id        LowCardinality(String),
    is_subagent              Bool,
    counts_in                UInt8 COMMENT 'rules of ccusage by which the messages count: 1 daily, 2 all other reports',
    unpriced                 Bool COMMENT 'the model has no price and counts as 0 in cost_usd',
    first_at                 DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    last_at                  DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    messages                 UInt64,
    input_tokens             UInt64,
    output_tokens            UInt64,
    cache_creation_5m_tokens UInt64,
    cache_creation_1h_tokens UInt64,
    cache_read_tokens        UInt64,
    cost_usd                 Decimal(38, 15),
    text_characters          UInt64,
    web_searches             UInt64,
    tool_calls               UInt64,
    failed_tool_calls        UInt64 COMMENT 'calls that ended with an error, denials included',
    lines_added              UInt64,
    lines_removed            UInt64,
    turns                    UInt64,
    events                   UInt64
)
ENGINE = {engine:ReplacingMergeTree}(last_load_id)
ORDER BY (machine, date, hour, fold, number)
{storage_settings}
COMMENT 'one row is what was folded of one hour, session, model and load';

CREATE TABLE IF NOT EXISTS {database}.{folded_ids} {on_cluster}
(
    machine LowCardinality(String),
    kind    LowCardinality(String) COMMENT 'messages, tool_calls, turns or events',
    id      UInt64 COMMENT 'number of the id of the fact; of the record for a message without one' CODEC(Delta, ZSTD(1)),
    fold    UInt64 COMMENT 'the load that folded it'
)
ENGINE = {engine:ReplacingMergeTree}
ORDER BY (machine, kind, id, fold)
{storage_settings}
COMMENT 'one row is one fact that was folded, here or where this warehouse is pushed to: read again, it does not count again';

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.hour_facts {on_cluster} AS {database}.hour_facts_local
ENGINE = Distributed({cluster}, {database}, hour_facts_local, cityHash64(machine));

-- only with a cluster: a shard keeps the machines that hash to it, this table reads and writes them all
CREATE TABLE IF NOT EXISTS {database}.folded_ids {on_cluster} AS {database}.folded_ids_local
ENGINE = Distributed({cluster}, {database}, folded_ids_local, cityHash64(machine));
