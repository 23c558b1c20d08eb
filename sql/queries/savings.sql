-- What could cost less, and what should change?
-- group: cost
-- param: machine String = : only this machine; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- note: of the last 30 days, not scaled where fewer are stored; no dollar is in two rows
-- note: evidence names the dearest ten: turn_id of turns, session_id of sessions; savings_evidence shows all
WITH
(
    -- Looked up, as to plan a join of savings_cases takes longer.
    SELECT groupArray((kind, case_is, is_estimate, how, advice))
    FROM savings_kinds
) AS kinds,
arrayFirst(each -> each.1 = kind, kinds) AS its_kind
SELECT
    kind,
    sum(saved_usd) AS usd_per_month,
    count() AS cases,
    its_kind.2 AS case_is,
    its_kind.3 AS is_estimate,
    its_kind.5 AS advice,
    its_kind.4 AS how,
    arrayMap(each -> each.2, arraySlice(arraySort(each -> (-each.1, each.2), groupArray((saved_usd, proof))), 1, 10)) AS evidence
FROM savings_cases AS found
WHERE ({machine:String} = '' OR machine = {machine:String})
    AND ({project:String} = '' OR project = {project:String})
GROUP BY kind
ORDER BY usd_per_month DESC, kind
