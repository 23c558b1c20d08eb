-- What changed this week, and why?
-- group: audit
-- param: since Date = 7 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- note: a usage is in several reports: do not add them up; cost_kept_usd is what stayed against offers that were not written
-- note: loads that died are left out; days are in UTC
SELECT
    report,
    verdict,
    reason,
    count() AS verdicts,
    sumIf(toInt64(offered_tokens) - toInt64(stored_tokens), is_written) AS token_change,
    sumIf(offered_cost_usd - stored_cost_usd, is_written) AS cost_change_usd,
    sumIf(stored_cost_usd - offered_cost_usd, NOT is_written) AS cost_kept_usd
FROM changes
WHERE toDate(decided_at) BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
    AND (machine, load_id) GLOBAL IN
    (
        SELECT machine, load_id
        FROM loads FINAL
        WHERE state IN ('committed', 'undone')
            AND load_id GLOBAL IN (SELECT load_id FROM changes WHERE toDate(decided_at) BETWEEN {since:Date} AND {until:Date})
    )
GROUP BY report, verdict, reason
ORDER BY report, verdict, reason
