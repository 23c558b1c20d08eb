-- cost by day and model, of the last days up to the last one with usage
SELECT date, model, sum(cost_usd), sum(total_tokens)
FROM cost_by_model_daily
WHERE date >= {since:Date}
    AND date > (SELECT max(date) FROM daily WHERE {machine:String} = '' OR machine = {machine:String}) - {days:UInt16}
    AND ({machine:String} = '' OR machine = {machine:String})
GROUP BY date, model
ORDER BY date, model
