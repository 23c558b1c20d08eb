-- ccusage does not count the same in every report: since 20.0 usage in progress lines of agents is in days and projects alone, and
-- since 20.0.23 days have a loader of their own. Days are compared from the first to the last that the report has usage of:
-- an undated session may be of any. A share above 1 is a report that kept what its days lost, or a session that began earlier.
CREATE OR REPLACE VIEW {database}.report_coverage {on_cluster}
(
    machine LowCardinality(String) COMMENT 'the host the usage came from',
    agent LowCardinality(String) COMMENT 'the coding tool the usage came from',
    report LowCardinality(String) COMMENT 'monthly, session or blocks; one without rows has none here',
    first_day Date COMMENT 'first day that is compared, in the zone of its row',
    last_day Date COMMENT 'last day that is compared',
    total_tokens UInt64 COMMENT 'tokens of the report',
    cost_usd Decimal(18, 9) COMMENT 'cost of the report in US dollars as ccusage counts it',
    day_tokens UInt64 COMMENT 'tokens of these days in the view daily',
    day_cost_usd Decimal(18, 9) COMMENT 'their cost in US dollars as ccusage counts it',
    tokens_share Nullable(Float64) COMMENT 'tokens of the report as a share of those of the days; NULL where the days have none',
    cost_share Nullable(Float64) COMMENT 'cost of the report as a share of that of the days; NULL where the days have none',
    unpriced Bool COMMENT 'some of this usage has no price and counts as 0'
)
AS WITH parts AS
(
    SELECT 'monthly' AS report, machine, agent, month AS began_on, toLastDayOfMonth(month) AS ended_on, total_tokens, cost_usd, unpriced
    FROM {database}.monthly
    UNION ALL
    SELECT
        'session',
        machine,
        agent,
        -- The cast to String keeps the engine from trying the empty zone of the dictionary.
        least(date, ifNull(toDate(formatDateTime(first_activity, '%F', if(timezone = '', 'UTC', CAST(timezone, 'String')))), date)),
        if(date = toDate(0), toDate('2149-06-06'), date),
        total_tokens,
        cost_usd,
        unpriced
    FROM {database}.sessions
    UNION ALL
    SELECT
        'blocks',
        machine,
        agent,
        date,
        greatest(date, ifNull(toDate(formatDateTime(last_activity, '%F', if(timezone = '', 'UTC', CAST(timezone, 'String')))), date)),
        total_tokens,
        cost_usd,
        unpriced
    FROM {database}.blocks
),
reports AS
(
    SELECT
        report,
        machine,
        agent,
        min(began_on) AS first_day,
        max(ended_on) AS last_day,
        sum(parts.total_tokens) AS tokens,
        sum(parts.cost_usd) AS cost,
        max(parts.unpriced) AS has_unpriced
    FROM parts
    GROUP BY report, machine, agent
)
SELECT
    reports.machine AS machine,
    reports.agent AS agent,
    report,
    first_day,
    last_day,
    any(tokens) AS total_tokens,
    any(cost) AS cost_usd,
    sumIf(day.total_tokens, day.date BETWEEN first_day AND last_day) AS day_tokens,
    sumIf(day.cost_usd, day.date BETWEEN first_day AND last_day) AS day_cost_usd,
    total_tokens / nullIf(day_tokens, 0) AS tokens_share,
    toFloat64(cost_usd) / nullIf(toFloat64(day_cost_usd), 0) AS cost_share,
    toBool(any(has_unpriced) OR maxIf(day.unpriced, day.date BETWEEN first_day AND last_day)) AS unpriced
FROM reports
GLOBAL LEFT JOIN {database}.daily AS day ON day.machine = reports.machine AND day.agent = reports.agent
GROUP BY machine, agent, report, first_day, last_day
{part:own_settings}
COMMENT 'one row is one report of one agent on one machine: how much of the usage of the same days it holds'
