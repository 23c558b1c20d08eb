-- what other queries read: the days of projects, before the last day that is shown, by model as cost_by_model_daily has them
WITH selected_days AS
(
    SELECT * FROM projects_daily
    WHERE date <= {until:Date} AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
        AND has({projects:Array(String)}, project)
),
selected_models AS
(
    SELECT
        machine,
        agent,
        date,
        part.model AS model,
        part.input_tokens AS input_tokens,
        part.output_tokens AS output_tokens,
        part.cache_creation_tokens AS cache_creation_tokens,
        part.cache_read_tokens AS cache_read_tokens,
        part.input_tokens + part.output_tokens + part.cache_creation_tokens + part.cache_read_tokens AS total_tokens,
        part.cost_usd AS cost_usd,
        part.unpriced AS unpriced
    FROM
    (
        SELECT
            machine,
            agent,
            date,
            models,
            CAST((
                '',
                toUInt64(greatest(0, toInt64(input_tokens) - toInt64(arraySum(models.input_tokens)))),
                toUInt64(greatest(0, toInt64(output_tokens) - toInt64(arraySum(models.output_tokens)))),
                toUInt64(greatest(0, toInt64(cache_creation_tokens) - toInt64(arraySum(models.cache_creation_tokens)))),
                toUInt64(greatest(0, toInt64(cache_read_tokens) - toInt64(arraySum(models.cache_read_tokens)))),
                cost_usd - arraySum(models.cost_usd),
                unpriced AND NOT has(models.unpriced, true)
            ), 'Tuple(model String, input_tokens UInt64, output_tokens UInt64, cache_creation_tokens UInt64, cache_read_tokens UInt64, cost_usd Decimal(18, 9), unpriced Bool)') AS rest,
            rest.2 + rest.3 + rest.4 + rest.5 > 0 OR abs(rest.6) >= toDecimal64(0.000001, 9) AS has_rest
        FROM selected_days
    )
    ARRAY JOIN arrayConcat(models, if(has_rest, [rest], [])) AS part
)
