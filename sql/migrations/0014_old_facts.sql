-- What 0013 copied. A migration of its own: ended half-way, 0013 begins again with all that it copies.

-- only with a cluster: the tables over the shards first
DROP TABLE IF EXISTS {database}.message_facts {on_cluster} SYNC;

-- only with a cluster: the tables over the shards first
DROP TABLE IF EXISTS {database}.tool_call_facts {on_cluster} SYNC;

DROP TABLE IF EXISTS {database}.{message_facts} {on_cluster} SYNC;

DROP TABLE IF EXISTS {database}.{tool_call_facts} {on_cluster} SYNC;
