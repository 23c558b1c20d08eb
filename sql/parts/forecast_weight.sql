multiIf(date > today, 1, today_usd > cost_today, 1 - cost_today / today_usd, 0) * if(by_weekday, 7, 1) / past_days
