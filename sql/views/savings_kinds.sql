-- The order is that in which kinds claim the dollars of an answer, see savings_cases.
CREATE OR REPLACE VIEW {database}.savings_kinds {on_cluster}
(
    place UInt8 COMMENT 'in the order in which kinds claim the dollars of an answer, from 1',
    kind LowCardinality(String) COMMENT 'what costs more than it must',
    case_is LowCardinality(String) COMMENT 'what a case is: turn or session',
    is_estimate Bool COMMENT 'part of it rests on an assumption, which how names',
    how String COMMENT 'how the dollars are computed',
    advice String COMMENT 'what to change'
)
AS SELECT
    toUInt8(number) AS place,
    CAST(named.1, 'LowCardinality(String)') AS kind,
    CAST(named.2, 'LowCardinality(String)') AS case_is,
    toBool(named.3) AS is_estimate,
    named.4 AS how,
    named.5 AS advice
FROM
(
    SELECT arrayJoin(arrayEnumerate(kinds)) AS number, kinds[number] AS named
    FROM
    (
        SELECT
        [
            (
                'interrupted_turns', 'turn', false,
                'All that turns cost which somebody interrupted.',
                'Say what is wanted in the prompt, or begin in plan mode, so that work need not be stopped halfway.'
            ),
            (
                'empty_subagents', 'turn', false,
                'All that subagents cost whose last answer, an hour old or more, has no text.',
                'Tell subagents what to report back, or let the session itself do the work.'
            ),
            (
                'failed_tools', 'turn', true,
                'The answers right after a call that failed, until one succeeds; commands with an exit code and denials are not failures here.',
                'Look at what fails most in tool_calls and say in CLAUDE.md how it is done right, such as reading a file before an edit.'
            ),
            (
                'repeated_reads', 'session', true,
                'The part of an answer for each Read of a file which that session had read, with no edit or compaction between: the answer is shared evenly among its calls.',
                'Say in the prompt or in CLAUDE.md that files which were read are still known, and split large files.'
            ),
            (
                'repeated_compactions', 'session', true,
                'In sessions with three compactions or more: what the first answer after each wrote to the cache, at the price of writes less that of reads.',
                'Begin a new session for a new task instead of going on until the context is full.'
            ),
            (
                'cache_misses', 'turn', false,
                'What was in the cache before a pause longer than the cache lives (5 minutes, an hour where writes of an hour are used) and was written again: the price of writes less that of reads.',
                'Go on before the cache is gone, or begin a new session after a pause instead of loading the old context again.'
            ),
            (
                'unread_hour_writes', 'session', true,
                'Writes for an hour after which the session read no more from the cache within the hour: their price less that of uncached input; another session may have read them.',
                'Let such short sessions write to the cache for 5 minutes.'
            ),
            (
                'large_model', 'turn', true,
                'Answers of Opus in turns that changed no line and edited no file: their cost less what the same tokens cost at the newest price of Sonnet here; it may have needed other tokens.',
                'Ask questions that change nothing with /model sonnet.'
            ),
            (
                'unused_mcp_servers', 'session', true,
                'Names of tools and instructions of MCP servers that the machine did not call in these 30 days, at four characters a token: the price of cache reads with each answer after they were loaded.',
                'Turn off servers that nobody calls with /mcp, or remove them with claude mcp remove; ccusage-import query mcp_server_use names them.'
            )
        ] AS kinds
    )
) AS each
COMMENT 'one row is one kind of what costs more than it must'
