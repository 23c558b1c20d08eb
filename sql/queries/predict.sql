-- What will the next run of a command cost?
-- group: prompts
-- param: command String = : slash command, by its name or as it is stored; empty for prompts without one
-- param: machine String = : only this machine; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: model String = : only this model; empty for all
-- note: from the last 50 runs that are like it: those that are asked for, with fewer than 9 all of the command, else all prompts; the range holds 80%; each of them from the tenth on is tested against those before it
WITH liked AS
(
    SELECT
        groupArray((
            at,
            machine,
            turn_id,
            toFloat64(cost_usd),
            duration_ms / 1000,
            unpriced,
            multiIf(execution.command != {command:String}, 3,
                ({machine:String} = '' OR machine = {machine:String})
                AND ({project:String} = '' OR project = {project:String})
                AND ({model:String} = '' OR model = {model:String}), 1, 2)
        )) AS found,
        multiIf(arrayCount(run -> run.7 = 1, found) >= 9, 1, arrayCount(run -> run.7 <= 2, found) >= 9, 2, 3) AS farthest,
        arraySort(arrayFilter(run -> run.7 <= farthest, found)) AS taken,
        arraySlice(taken, -50) AS last_runs,
        arrayMap(run -> run.4, taken) AS costs,
        arrayCumSum(costs) AS sums,
        range(10, length(costs) + 1) AS tried
    FROM executions AS execution
    WHERE answers > 0
),
predicted AS
(
    SELECT
        *,
        arrayMap(run -> run.4, last_runs) AS last_costs,
        arrayMap(run -> run.5, last_runs) AS last_seconds,
        -- Each of the runs from the tenth on, and the runs that it is predicted from.
        arraySlice(costs, 10) AS actual,
        arrayMap(number -> arraySlice(costs, greatest(1, toInt64(number) - 50), least(50, number - 1)), tried) AS before,
        arrayMap(past -> arrayReduce('quantileExactExclusive(0.5)', past), before) AS medians,
        arrayMap((cost, past) -> cost BETWEEN arrayReduce('quantileExactExclusive(0.1)', past)
            AND arrayReduce('quantileExactExclusive(0.9)', past), actual, before) AS are_inside
    FROM liked
)
SELECT
    ['these runs', 'the command', 'all prompts'][farthest] AS predicted_from,
    length(last_runs) AS runs,
    accurateCastOrNull(round(arrayReduce('quantileExactExclusive(0.1)', last_costs), 4), 'Decimal(18, 4)') AS low_usd,
    accurateCastOrNull(round(arrayReduce('quantileExactExclusive(0.5)', last_costs), 4), 'Decimal(18, 4)') AS cost_usd,
    accurateCastOrNull(round(arrayReduce('quantileExactExclusive(0.9)', last_costs), 4), 'Decimal(18, 4)') AS high_usd,
    round(arrayReduce('quantileExactExclusive(0.1)', last_seconds), 1) AS seconds_low,
    round(arrayReduce('quantileExactExclusive(0.5)', last_seconds), 1) AS seconds_p50,
    round(arrayReduce('quantileExactExclusive(0.9)', last_seconds), 1) AS seconds_high,
    arrayExists(run -> run.6, last_runs)::Bool AS unpriced,
    length(tried) AS tested,
    if(tested = 0, NULL, round(arrayAvg(are_inside), 4)) AS inside_share,
    if(tested = 0, NULL, accurateCastOrNull(round(arrayAvg((cost, expected) -> abs(cost - expected), actual, medians), 4), 'Decimal(18, 4)')) AS error_usd,
    if(tested = 0, NULL, accurateCastOrNull(round(arrayAvg((cost, number) -> abs(cost - sums[number - 1] / (number - 1)), actual, tried), 4), 'Decimal(18, 4)')) AS mean_error_usd
FROM predicted
WHERE runs >= 9
