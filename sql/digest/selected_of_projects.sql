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
            {part:rest_of_models}
        FROM selected_days
    )
    ARRAY JOIN arrayConcat(models, if(has_rest, [rest], [])) AS part
)
