-- everything of the days that are shown
SELECT
    min(date),
    max(date),
    uniqExact(date),
    sum(cost_usd),
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_creation_tokens),
    sum(cache_read_tokens),
    sum(total_tokens),
    max(unpriced)
FROM selected_days
WHERE date >= {since:Date}
