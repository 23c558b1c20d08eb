CAST((
    '',
    toUInt64(greatest(0, toInt64(input_tokens) - toInt64(arraySum(models.input_tokens)))),
    toUInt64(greatest(0, toInt64(output_tokens) - toInt64(arraySum(models.output_tokens)))),
    toUInt64(greatest(0, toInt64(cache_creation_tokens) - toInt64(arraySum(models.cache_creation_tokens)))),
    toUInt64(greatest(0, toInt64(cache_read_tokens) - toInt64(arraySum(models.cache_read_tokens)))),
    cost_usd - arraySum(models.cost_usd),
    unpriced AND NOT has(models.unpriced, true)
), 'Tuple(model String, input_tokens UInt64, output_tokens UInt64, cache_creation_tokens UInt64, cache_read_tokens UInt64, cost_usd Decimal(18, 9), unpriced Bool)') AS rest,
rest.2 + rest.3 + rest.4 + rest.5 > 0 OR abs(rest.6) >= toDecimal64(0.000001, 9) AS has_rest
