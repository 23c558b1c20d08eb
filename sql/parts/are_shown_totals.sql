NOT bitTest(taken_back, 0) AND (machine, fold) GLOBAL IN
(
    -- The rows that publish folds.
    SELECT machine, record FROM {database}.message_facts_by_month WHERE month = '1970-01-01' AND message = 1
)
