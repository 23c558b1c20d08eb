-- What will the next run of a command cost?
-- group: prompts
-- param: command String = : slash command, by its name or as it is stored; empty for prompts without one
-- param: machine String = : only this machine; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: model String = : only this model; empty for all
-- note: from the last 50 runs that are like it: those that are asked for, with fewer than 9 all of the command, else all prompts; the range holds 80%; each run from the tenth on, of any age, is tested against up to 50 before it
WITH
-- The value at a place among sorted ones: at a share of one place more, as quantileExactExclusive. To sort the values once takes less.
(sorted, place) -> sorted[intDiv(place, 1)] + (place - intDiv(place, 1)) * (sorted[intDiv(place, 1) + 1] - sorted[intDiv(place, 1)]) AS at_place,
runs AS
(
    -- As in executions, of which a query would read much more.
    SELECT
        prompts.at AS at,
        machine,
        turn AS turn_id,
        toFloat64(answers.cost) AS cost,
        {part:duration_ms} / 1000 AS seconds,
        answers.unpriced AS unpriced,
        multiIf(prompts.command != {command:String}, 3,
            ({machine:String} = '' OR machine = {machine:String})
            AND ({project:String} = '' OR prompts.project = {project:String})
            AND ({model:String} = '' OR answers.main_model = {model:String}), 1, 2) AS distance
    FROM (SELECT * FROM turn_facts FINAL WHERE {part:are_prompts}) AS prompts
    JOIN
    (
        SELECT
            machine,
            turn,
            sum(part_cost) AS cost,
            max(part_unpriced) AS unpriced,
            max(part_last_at) AS last_at,
            argMax(model, (part_cost, part_tokens, model)) AS main_model
        FROM
        (
            SELECT
                machine,
                turn,
                model,
                sum(cost_usd) AS part_cost,
                sum(input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens + cache_read_tokens) AS part_tokens,
                max(unpriced) AS part_unpriced,
                max(at) AS part_last_at
            FROM message_facts_by_month FINAL
            WHERE {part:are_their_answers}
            GROUP BY machine, turn, model
        )
        GROUP BY machine, turn
    ) AS answers USING (machine, turn)
),
-- In steps: the engine takes each name of a step for all that is behind it.
liked AS
(
    SELECT
        multiIf(countIf(distance = 1) >= 9, 1, countIf(distance <= 2) >= 9, 2, 3) AS farthest,
        arraySort(arrayFilter(run -> run.7 <= farthest, groupArray((at, machine, turn_id, cost, seconds, unpriced, distance)))) AS taken
    FROM runs
),
tested AS
(
    SELECT
        farthest,
        arraySlice(taken, -50) AS last_runs,
        arrayMap(run -> run.4, taken) AS costs,
        range(10, length(costs) + 1) AS tried
    FROM liked
),
predicted AS
(
    SELECT
        *,
        arrayCumSum(costs) AS sums,
        -- Each of the runs from the tenth on, and the runs that it is predicted from.
        arraySlice(costs, 10) AS actual,
        arrayMap(number -> arraySort(arraySlice(costs, greatest(1, toInt64(number) - 50), least(50, number - 1))), tried) AS before,
        arrayReduce('quantilesExactExclusive(0.1, 0.5, 0.9)', arrayMap(run -> run.4, last_runs)) AS next_costs,
        arrayReduce('quantilesExactExclusive(0.1, 0.5, 0.9)', arrayMap(run -> run.5, last_runs)) AS next_seconds
    FROM tested
)
SELECT
    ['these runs', 'the command', 'all prompts'][farthest] AS predicted_from,
    length(last_runs) AS runs,
    accurateCastOrNull(round(next_costs[1], 4), 'Decimal(18, 4)') AS low_usd,
    accurateCastOrNull(round(next_costs[2], 4), 'Decimal(18, 4)') AS cost_usd,
    accurateCastOrNull(round(next_costs[3], 4), 'Decimal(18, 4)') AS high_usd,
    round(next_seconds[1], 1) AS seconds_low,
    round(next_seconds[2], 1) AS seconds_p50,
    round(next_seconds[3], 1) AS seconds_high,
    arrayExists(run -> run.6, last_runs)::Bool AS unpriced,
    length(tried) AS tested,
    if(tested = 0, NULL, round(arrayAvg((cost, past) -> cost BETWEEN at_place(past, 0.1 * (length(past) + 1)) AND at_place(past, 0.9 * (length(past) + 1)), actual, before), 4)) AS inside_share,
    if(tested = 0, NULL, accurateCastOrNull(round(arrayAvg((cost, past) -> abs(cost - at_place(past, 0.5 * (length(past) + 1))), actual, before), 4), 'Decimal(18, 4)')) AS error_usd,
    if(tested = 0, NULL, accurateCastOrNull(round(arrayAvg((cost, number) -> abs(cost - sums[number - 1] / (number - 1)), actual, tried), 4), 'Decimal(18, 4)')) AS mean_error_usd
FROM predicted
WHERE runs >= 9
