-- what each model cost on each day of each agent and machine: what the page draws and filters
SELECT date, machine, agent, model, sum(cost_usd), sum(total_tokens)
FROM selected_models
GROUP BY date, machine, agent, model
ORDER BY date, machine, agent, model
