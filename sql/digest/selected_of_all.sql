-- what other queries read: the days of everything, before the last day that is shown
WITH selected_days AS
(
    SELECT * FROM daily
    WHERE date <= {until:Date} AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
),
selected_models AS
(
    SELECT * FROM cost_by_model_daily
    WHERE date <= {until:Date} AND ({machine:String} = '' OR machine = {machine:String}) AND ({agent:String} = '' OR agent = {agent:String})
)
