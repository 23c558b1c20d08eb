-- what is held now, the largest difference first, and how much there is; with both rows, whose numbers are part of the reason
SELECT
    held.1,
    held.2,
    held.3,
    held.4,
    held.5,
    held.6,
    'held',
    held.7,
    held.8,
    held.9,
    changes.stored,
    changes.offered,
    ended.intact_from
FROM
(
    SELECT
        (count() OVER (), offered_at, machine, agent, report, key, reason, stored_cost_usd, offered_cost_usd) AS held,
        machine,
        agent,
        report,
        key,
        load_id
    FROM held_records
    WHERE ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
        AND day BETWEEN {since:Date} AND {until:Date} AND (report != 'monthly' OR toLastDayOfMonth(day) <= {until:Date})
        AND (empty({projects:Array(String)}) OR (machine, agent, report, key, load_id) GLOBAL IN
        (
            SELECT machine, agent, report, key, load_id
            FROM changes
            WHERE verdict = 'held' AND has({projects:Array(String)}, JSONExtractString(offered, 'project'))
        ))
    ORDER BY abs(offered_cost_usd - stored_cost_usd) DESC, report, key, machine, agent
    LIMIT {rows:UInt32}
) AS shown
GLOBAL INNER JOIN (SELECT machine, agent, report, key, load_id, stored, offered FROM changes WHERE verdict = 'held') AS changes
    USING (machine, agent, report, key, load_id)
GLOBAL INNER JOIN
(
    SELECT machine, load_id, intact_from
    FROM loads FINAL
    WHERE load_id GLOBAL IN (SELECT load_id FROM changes WHERE verdict = 'held')
) AS ended
    ON shown.machine = ended.machine AND shown.load_id = ended.load_id
ORDER BY abs(held.9 - held.8) DESC, held.5, held.6, held.3, held.4
