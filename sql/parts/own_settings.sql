SETTINGS join_use_nulls = 0, aggregate_functions_null_for_empty = 0, prefer_column_name_to_alias = 0
