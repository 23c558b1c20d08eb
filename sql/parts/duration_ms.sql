toUInt64(greatest(0, dateDiff('millisecond', assumeNotNull(prompts.at), greatest(
        coalesce(prompts.ended_at, assumeNotNull(prompts.at)), answers.last_at, assumeNotNull(prompts.at)))))
