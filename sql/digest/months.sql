-- cost by month and model
SELECT toStartOfMonth(date) AS month, model, sum(cost_usd), sum(total_tokens)
FROM cost_by_model_daily
WHERE date >= {since:Date} AND ({machine:String} = '' OR machine = {machine:String})
GROUP BY month, model
ORDER BY month, model
