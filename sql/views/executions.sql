CREATE OR REPLACE VIEW {database}.executions {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    turn_id UInt64 COMMENT 'number of the id of the prompt',
    at DateTime64(3, 'UTC') COMMENT 'when the prompt was sent, in UTC',
    timezone LowCardinality(String) COMMENT 'IANA zone of the day: that of the answers, else the newest of the machine',
    date Date COMMENT 'day of the prompt in that zone',
    weekday UInt8 COMMENT 'weekday of the prompt in that zone; 1 is Monday',
    hour UInt8 COMMENT 'hour of the prompt in that zone',
    kind LowCardinality(String) COMMENT 'text, command or bash',
    command LowCardinality(String) COMMENT 'slash command: one of Claude Code by its name, any other by a pseudonym; empty for none',
    project LowCardinality(String) COMMENT 'project as ccusage names it: a pseudonym unless names are stored in clear',
    session_id LowCardinality(String) COMMENT 'session as ccusage names it, likewise',
    claude_session_id LowCardinality(String) COMMENT 'session as Claude Code names it, likewise',
    position UInt64 COMMENT 'of the prompt in its session, from 1',
    session_executions UInt64 COMMENT 'prompts of that session so far',
    model LowCardinality(String) COMMENT 'model that cost most of it; empty without an answer',
    characters UInt64 COMMENT 'length of the prompt',
    answers UInt64 COMMENT 'answers, those of subagents included',
    fresh_input_tokens UInt64 COMMENT 'input that was not read from the cache: uncached, or written to it',
    cached_input_tokens UInt64 COMMENT 'input read from the cache',
    output_tokens UInt64 COMMENT 'output',
    total_tokens UInt64 COMMENT 'sum of the three',
    cost_usd Decimal(38, 15) COMMENT 'cost in US dollars as ccusage counts it',
    subagent_cost_usd Decimal(38, 15) COMMENT 'part of the cost that answers of subagents have',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    cache_savings_usd Nullable(Decimal(18, 9)) COMMENT 'what its cache reads would have cost more as uncached input, less what its cache writes cost more; NULL without a price',
    first_answer_ms Nullable(Int64) COMMENT 'from the prompt to the first answer; NULL without one',
    duration_ms UInt64 COMMENT 'from the prompt to the last thing it caused',
    tools Map(String, UInt64) COMMENT 'calls by tool, in alphabetical order',
    tool_calls UInt64 COMMENT 'calls of tools',
    failed_tool_calls UInt64 COMMENT 'calls that ended with an error, denials included',
    outcome LowCardinality(String) COMMENT 'done, interrupted, api_error or limit',
    load_id UInt64 COMMENT 'the load that met it first'
)
AS SELECT *
FROM {database}.executions_since(first = '1970-01-01')
COMMENT 'one row is one prompt and all that it caused: its session is the batch, its command the job'
