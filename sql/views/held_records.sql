-- What is held now: the last verdict on the key that was logged is held. A later offer that was written ends it, as does any
-- other verdict. Where ccusage offers the stored numbers again that is unchanged, which is not logged: the row stays until
-- something else is offered. Loads that died do not count; accept takes exactly what is here.
CREATE OR REPLACE VIEW {database}.held_records {on_cluster}
(
    report LowCardinality(String) COMMENT 'daily, monthly, session, blocks, projects or hours; a usage is in several, so a sum over reports counts it several times',
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    key String COMMENT 'natural key of the record within its report',
    day Date COMMENT 'day of the record in its time zone; first day of a month, last day of a session',
    reason LowCardinality(String) COMMENT 'why the offer was not taken',
    stored_tokens UInt64 COMMENT 'tokens that are shown',
    offered_tokens UInt64 COMMENT 'tokens that ccusage offered last',
    stored_cost_usd Decimal(18, 9) COMMENT 'cost that is shown',
    offered_cost_usd Decimal(18, 9) COMMENT 'cost that ccusage offered last',
    held_since DateTime64(3, 'UTC') COMMENT 'when an offer was first held since one was last taken',
    offered_at DateTime64(3, 'UTC') COMMENT 'when the last offer was held that differed from the one before',
    load_id UInt64 COMMENT 'the load that held it'
)
AS WITH held AS
(
    SELECT machine, report, agent, key
    FROM {database}.changes
    WHERE verdict = 'held'
),
-- All that was logged of keys that were ever held.
logged AS
(
    SELECT report, machine, agent, key, load_id, day, verdict, reason, stored_tokens, offered_tokens, stored_cost_usd, offered_cost_usd, decided_at
    FROM {database}.changes
    WHERE key GLOBAL IN (SELECT key FROM held) AND (machine, report, agent, key) GLOBAL IN (SELECT machine, report, agent, key FROM held)
),
ended AS
(
    SELECT machine, load_id
    FROM {database}.loads FINAL
    WHERE state IN ('committed', 'undone') AND load_id GLOBAL IN (SELECT load_id FROM logged)
)
SELECT
    report,
    machine,
    agent,
    key,
    last.1 AS day,
    last.3 AS reason,
    last.4 AS stored_tokens,
    last.5 AS offered_tokens,
    last.6 AS stored_cost_usd,
    last.7 AS offered_cost_usd,
    arrayMin(hold -> hold.2, arrayFilter(hold -> hold.1 > taken_load_id, holds)) AS held_since,
    last.8 AS offered_at,
    last_load_id AS load_id
FROM
(
    SELECT
        report,
        machine,
        agent,
        key,
        max(load_id) AS last_load_id,
        argMax((day, verdict, reason, stored_tokens, offered_tokens, stored_cost_usd, offered_cost_usd, decided_at), load_id) AS last,
        maxIf(load_id, verdict != 'held') AS taken_load_id,
        groupArrayIf((load_id, decided_at), verdict = 'held') AS holds
    FROM logged
    WHERE (machine, load_id) GLOBAL IN (SELECT machine, load_id FROM ended)
    GROUP BY report, machine, agent, key
)
WHERE last.2 = 'held'
COMMENT 'one row is one record whose last offer is held'
