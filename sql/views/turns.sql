CREATE OR REPLACE VIEW {database}.turns {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    turn_id UInt64 COMMENT 'number of the id of the prompt',
    at DateTime64(3, 'UTC') COMMENT 'when the prompt was sent, in UTC',
    kind LowCardinality(String) COMMENT 'text, command or bash',
    command LowCardinality(String) COMMENT 'slash command: one of Claude Code by its name, any other by a pseudonym unless names are stored in clear; empty for none',
    characters UInt64 COMMENT 'length of the prompt',
    position UInt64 COMMENT 'of the turn in its session, from 1',
    session_id LowCardinality(String) COMMENT 'session as ccusage names it: a pseudonym unless names are stored in clear',
    claude_session_id LowCardinality(String) COMMENT 'session as Claude Code names it, likewise',
    project LowCardinality(String) COMMENT 'project as ccusage names it, likewise',
    branch LowCardinality(String) COMMENT 'pseudonym of the branch in git',
    claude_version LowCardinality(String) COMMENT 'Claude Code that took the prompt',
    permission_mode LowCardinality(String) COMMENT 'permission mode of the prompt; empty where it is not known',
    messages UInt64 COMMENT 'answers, those of subagents included',
    tool_calls UInt64 COMMENT 'calls of tools',
    failed_tool_calls UInt64 COMMENT 'calls that ended with an error, denials included',
    input_tokens UInt64 COMMENT 'uncached input',
    output_tokens UInt64 COMMENT 'output',
    cache_creation_tokens UInt64 COMMENT 'input written to the cache',
    cache_read_tokens UInt64 COMMENT 'input read from the cache',
    total_tokens UInt64 COMMENT 'sum of the four classes',
    cost_usd Decimal(38, 15) COMMENT 'cost in US dollars as ccusage counts it',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0 in cost_usd',
    cache_savings_usd Nullable(Decimal(18, 9)) COMMENT 'what its cache reads would have cost more as uncached input, less what its cache writes cost more, at the price that each model had when its last answer was read; negative where the cache cost more; NULL without a price',
    first_answer_ms Nullable(Int64) COMMENT 'from the prompt to the first answer; NULL without one',
    duration_ms UInt64 COMMENT 'from the prompt to the last thing it caused',
    outcome LowCardinality(String) COMMENT 'done, interrupted, api_error or limit',
    load_id UInt64 COMMENT 'the load that met it first'
)
AS SELECT * EXCEPT (session_executions, model, zone_of_answers, subagent_cost_usd, tools, errors, denials, compactions)
FROM
(
    {query:turns_since since 1970-01-01}
) AS each
COMMENT 'one row is one prompt and all that it caused'
