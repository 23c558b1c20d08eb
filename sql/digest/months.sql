-- cost by month and model
SELECT toStartOfMonth(date) AS month, model, sum(cost_usd), sum(total_tokens)
FROM selected_models
WHERE date >= {since:Date}
GROUP BY month, model
ORDER BY month, model
