greatest(
    max(date),
    -- The cast to String keeps the engine from trying the empty zone of the dictionary.
    toDate(formatDateTime(now('UTC'), '%F', if(argMax(timezone, date) = '', 'UTC', CAST(argMax(timezone, date), 'String'))))) AS today
