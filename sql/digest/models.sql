-- models, the dearest first
SELECT
    model,
    sum(cost_usd) AS usd,
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_creation_tokens),
    sum(cache_read_tokens),
    sum(total_tokens) AS tokens,
    max(unpriced)
FROM selected_models
WHERE date >= {since:Date}
GROUP BY model
ORDER BY usd DESC, tokens DESC, model
