-- No dollar is promised twice. Where several kinds claim the same answer, they do so in the order of savings_kinds, and each takes its
-- share of what those before it leave: after a first claim of half the cost, a claim of a third is a sixth of it.
CREATE OR REPLACE VIEW {database}.savings_cases {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    kind LowCardinality(String) COMMENT 'what costs more than it must, see savings_kinds',
    at DateTime64(3, 'UTC') COMMENT 'when its first answer was written, in UTC',
    project LowCardinality(String) COMMENT 'project of that answer as ccusage names it: a pseudonym unless names are stored in clear',
    session_id LowCardinality(String) COMMENT 'its session as ccusage names it, likewise; a subagent of the turn may have another one',
    turn_id UInt64 COMMENT 'the turn; 0 where the case is a session, or the prompt is not known',
    proof String COMMENT 'turn_id in digits, or session_id where that is 0',
    answers UInt64 COMMENT 'answers that cost more than they must',
    saved_usd Decimal(18, 9) COMMENT 'what they could have cost less, in US dollars',
    cost_usd Decimal(38, 15) COMMENT 'what they cost'
)
AS WITH
(
    SELECT arraySort(groupArray((place, kind, case_is)))
    FROM {database}.savings_kinds
) AS kinds
SELECT
    machine,
    agent,
    kind,
    min(answer.at) AS at,
    argMin(answer.project, (answer.at, answer.session_id, answer.project)) AS project,
    argMin(answer.session_id, (answer.at, answer.session_id, answer.project)) AS session_id,
    turn_id,
    if(turn_id = 0, toString(session_id), toString(turn_id)) AS proof,
    count() AS answers,
    -- A number becomes the decimal one that prints as it does, not the next lower one.
    assumeNotNull(accurateCastOrNull(toString(round(sum(toFloat64(answer.cost_usd) * share), 9)), 'Decimal(18, 9)')) AS saved_usd,
    sum(answer.cost_usd) AS cost_usd
FROM
(
    SELECT
        machine,
        agent,
        each.at AS at,
        project,
        session_id,
        if(kinds[place].3 = 'session', 0, each.turn_id) AS turn_id,
        each.cost_usd AS cost_usd,
        kinds[place].2 AS kind,
        claims[place] * arrayProduct(arrayMap((claim, claimed_by) -> if(claimed_by < place, 1 - claim, 1), claims, arrayEnumerate(claims))) AS share
    FROM {database}.savings_answers AS each
    ARRAY JOIN arrayFilter(claimed_by -> claims[claimed_by] > 0, arrayEnumerate(claims)) AS place
    WHERE share > 0
) AS answer
GROUP BY machine, agent, kind, turn_id, if(turn_id = 0, (toString(answer.project), toString(answer.session_id)), ('', ''))
HAVING saved_usd > 0
{part:own_settings}
COMMENT 'one row is one turn or session of the last 30 days that cost more than it must, of one kind; dollars may be summed over all rows'
