-- What will the next run of a command cost?
-- group: prompts
-- param: command String = : slash command, by its name or as it is stored; empty for prompts without one
-- param: machine String = : only this machine; empty for all
-- param: project String = : only this project, by its name or as it is stored; empty for all
-- param: model String = : only this model; empty for all
-- note: from the last 50 runs that are like it: those that are asked for, with fewer than 9 all of the command, else all prompts; the range holds 80 %
WITH
liked AS
(
    SELECT
        at,
        machine,
        turn_id,
        toFloat64(cost_usd) AS cost,
        duration_ms / 1000 AS seconds,
        unpriced,
        multiIf(execution.command != {command:String}, 3,
            ({machine:String} = '' OR machine = {machine:String})
            AND ({project:String} = '' OR project = {project:String})
            AND ({model:String} = '' OR model = {model:String}), 1, 2) AS distance
    FROM executions AS execution
    WHERE answers > 0
),
reach AS
(
    SELECT multiIf(countIf(distance = 1) >= 9, 1, countIf(distance <= 2) >= 9, 2, 3) AS farthest, count() AS found FROM liked
)
SELECT
    ['these runs', 'the command', 'all prompts'][any(farthest)] AS predicted_from,
    count() AS runs,
    accurateCastOrNull(round(quantileExactExclusive(0.1)(cost), 4), 'Decimal(18, 4)') AS low_usd,
    accurateCastOrNull(round(quantileExactExclusive(0.5)(cost), 4), 'Decimal(18, 4)') AS cost_usd,
    accurateCastOrNull(round(quantileExactExclusive(0.9)(cost), 4), 'Decimal(18, 4)') AS high_usd,
    round(quantileExactExclusive(0.1)(seconds), 1) AS seconds_low,
    round(quantileExactExclusive(0.5)(seconds), 1) AS seconds_p50,
    round(quantileExactExclusive(0.9)(seconds), 1) AS seconds_high,
    max(has_unpriced) AS unpriced
FROM
(
    SELECT cost, liked.seconds AS seconds, liked.unpriced AS has_unpriced, farthest
    FROM liked CROSS JOIN reach
    WHERE distance <= farthest
    ORDER BY at DESC, machine, turn_id
    LIMIT 50
)
HAVING runs >= 9
