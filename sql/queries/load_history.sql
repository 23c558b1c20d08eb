-- What did each load do to the total?
-- group: audit
-- param: since Date = 7 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- note: costs are of all days of the machine; days are in UTC
SELECT
    load_id,
    machine,
    started_at,
    state,
    ccusage_version,
    arraySum(mapValues(verdicts)) AS judged,
    cost_before_usd,
    cost_after_usd,
    cost_after_usd - cost_before_usd AS cost_change_usd,
    undoes
FROM loads FINAL
WHERE state != 'renamed' AND toDate(started_at) BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
ORDER BY load_id DESC, machine
