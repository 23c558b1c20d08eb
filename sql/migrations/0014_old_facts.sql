-- Drops what 0013 copied. It is a migration of its own: a copy that was ended half-way begins again with all there is.

-- only with a cluster: the tables over the shards first
DROP TABLE IF EXISTS {database}.message_facts {on_cluster} SYNC;

-- only with a cluster: the tables over the shards first
DROP TABLE IF EXISTS {database}.tool_call_facts {on_cluster} SYNC;

DROP TABLE IF EXISTS {database}.{message_facts} {on_cluster} SYNC;

DROP TABLE IF EXISTS {database}.{tool_call_facts} {on_cluster} SYNC;
