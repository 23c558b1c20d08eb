-- everything of each day, up to the last one that is shown
SELECT
    date,
    sum(cost_usd),
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_creation_tokens),
    sum(cache_read_tokens),
    sum(total_tokens),
    max(unpriced)
FROM selected_days
GROUP BY date
ORDER BY date
