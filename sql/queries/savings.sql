-- What could cost less, and what should change?
-- group: cost
-- param: machine String = : only this machine; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- note: of the last 30 days, not scaled where fewer are stored; no dollar is in two rows
-- note: evidence names the dearest ten: turn_id of turns, session_id of sessions; savings_evidence shows all
SELECT
    kind,
    sum(saved_usd) AS usd_per_month,
    count() AS cases,
    any(kinds.case_is) AS case_is,
    any(kinds.is_estimate) AS is_estimate,
    any(kinds.advice) AS advice,
    any(kinds.how) AS how,
    arrayMap(each -> each.2, arraySlice(arraySort(each -> (-each.1, each.2), groupArray((saved_usd, proof))), 1, 10)) AS evidence
FROM savings_cases AS found
JOIN savings_kinds AS kinds USING (kind)
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({project:String} = '' OR project = {project:String})
GROUP BY kind
ORDER BY usd_per_month DESC, kind
