-- what each model cost in the dearest projects on each day, the others under an empty name: what the filter by project draws;
-- the days of a month before the calendar of the page are one row on the first of them
WITH chosen AS
(
    SELECT *
    FROM projects_daily
    WHERE date BETWEEN {since:Date} AND {until:Date} AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
        AND (empty({projects:Array(String)}) OR has({projects:Array(String)}, project))
),
shown AS
(
    SELECT project
    FROM chosen
    GROUP BY project
    ORDER BY sum(cost_usd) DESC, project
    LIMIT {filtered_projects:UInt32}
)
SELECT min(date), machine, agent, if(project GLOBAL IN shown, project, ''), part.model, sum(part.cost_usd), sum(part.tokens)
FROM
(
    SELECT
        date,
        machine,
        agent,
        project,
        arrayJoin(arrayConcat(
            arrayMap(one -> (one.model, one.cost_usd, one.input_tokens + one.output_tokens + one.cache_creation_tokens + one.cache_read_tokens), models),
            [('', cost_usd - arraySum(models.cost_usd), toUInt64(greatest(0, toInt64(total_tokens)
                - toInt64(arraySum(one -> one.input_tokens + one.output_tokens + one.cache_creation_tokens + one.cache_read_tokens, models)))))]
        )) AS part_of_day,
        CAST(part_of_day, 'Tuple(model String, cost_usd Decimal(18, 9), tokens UInt64)') AS part
    FROM chosen
)
WHERE part.tokens > 0 OR abs(part.cost_usd) >= toDecimal64(0.000001, 9)
GROUP BY if(date >= {days_since:Date}, date, toStartOfMonth(date)), 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
