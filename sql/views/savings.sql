-- Not scaled: with fewer than 30 days of transcripts it is what those days show, and no more.
CREATE OR REPLACE VIEW {database}.savings {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    kind LowCardinality(String) COMMENT 'what costs more than it must',
    usd_per_month Decimal(38, 9) COMMENT 'what the last 30 days could have cost less, in US dollars; no dollar is in two rows',
    cases UInt64 COMMENT 'turns or sessions that show it',
    case_is LowCardinality(String) COMMENT 'what a case is: turn or session',
    is_estimate Bool COMMENT 'part of it rests on an assumption, which how names',
    how String COMMENT 'how the dollars are computed',
    evidence Array(String) COMMENT 'the dearest ten cases: turn_id of turns, or session_id of sessions',
    advice String COMMENT 'what to change'
)
AS WITH
(
    -- Looked up, as to plan a join of savings_cases takes longer.
    SELECT groupArray((kind, case_is, is_estimate, how, advice))
    FROM {database}.savings_kinds
) AS kinds,
arrayFirst(each -> each.1 = kind, kinds) AS its_kind
SELECT
    machine,
    agent,
    kind,
    sum(saved_usd) AS usd_per_month,
    count() AS cases,
    its_kind.2 AS case_is,
    its_kind.3 AS is_estimate,
    its_kind.4 AS how,
    arrayMap(each -> each.2, arraySlice(arraySort(each -> (-each.1, each.2), groupArray((saved_usd, proof))), 1, 10)) AS evidence,
    its_kind.5 AS advice
FROM {database}.savings_cases AS found
GROUP BY machine, agent, kind
ORDER BY usd_per_month DESC, kind, machine
COMMENT 'one row is one way to spend less, of one agent on one machine, dearest first, by the last 30 days'
