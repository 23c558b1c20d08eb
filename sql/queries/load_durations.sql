-- How long do imports take, and in which phase?
-- group: freshness
-- param: since Date = 30 days ago: first day
-- param: until Date = 2099-12-31: last day
-- param: machine String = : only this machine; empty for all
-- note: days are in UTC; imports of the reports alone: loads of `watch`, `--transcripts-only`, `undo` and the like have other phases
SELECT
    phase,
    count() AS loads,
    round(quantileExactInclusive(0.5)(seconds), 3) AS median_seconds,
    round(max(seconds), 3) AS longest_seconds
FROM loads FINAL
ARRAY JOIN mapKeys(phases) AS phase, mapValues(phases) AS seconds
WHERE state = 'committed' AND runner NOT IN ('changes', 'push', 'rename machine', 'rename projects', 'compact', 'transcripts', 'watch')
    AND toDate(started_at) BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
GROUP BY phase
ORDER BY median_seconds DESC, phase
