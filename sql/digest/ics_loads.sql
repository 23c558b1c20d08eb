-- imports, and what they held; those that only read transcripts bring no numbers of reports
SELECT
    machine,
    load_id,
    started_at,
    coalesce(finished_at, started_at),
    state,
    failed_reports,
    arraySum(arrayFilter((held, name) -> endsWith(name, '/held'), mapValues(verdicts), mapKeys(verdicts))) AS held,
    cost_after_usd - cost_before_usd,
    error
FROM loads FINAL
WHERE undoes = 0 AND notEmpty(arrayConcat(reports, failed_reports)) AND toDate(started_at, {timezone:String}) BETWEEN {since:Date} AND {until:Date}
    AND ({machine:String} = '' OR machine = {machine:String})
ORDER BY started_at, load_id
