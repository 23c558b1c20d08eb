-- cost by day and model, of the last days up to the last one with usage
SELECT date, model, sum(cost_usd), sum(total_tokens)
FROM selected_models
WHERE date >= {since:Date}
    AND date > (SELECT max(date) FROM selected_days) - {days:UInt16}
GROUP BY date, model
ORDER BY date, model
