-- what each model cost on each day of each agent and machine: what the page draws and filters; the days of a month before the calendar
-- of the page are one row on the first of them, those before the first day that is shown another one
SELECT min(date), machine, agent, model, sum(cost_usd), sum(total_tokens)
FROM selected_models
GROUP BY if(date >= {days_since:Date}, date, toStartOfMonth(date)), date >= {since:Date}, machine, agent, model
ORDER BY 1, machine, agent, model
