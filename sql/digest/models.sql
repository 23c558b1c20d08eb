-- everything of each model on each day that is shown
SELECT
    date,
    model,
    sum(cost_usd),
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_creation_tokens),
    sum(cache_read_tokens),
    sum(total_tokens),
    max(unpriced)
FROM selected_models
WHERE date >= {since:Date}
GROUP BY date, model
ORDER BY date, model
