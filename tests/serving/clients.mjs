// What ClickHouse's own client for JavaScript gets; CLIENT names it.
const { createClient } = await import(process.env.CLIENT);
const client = createClient({ url: process.env.URL, username: "ana", password: process.env.TOKEN });
const answer = await client.query({
  query: "SELECT machine, sum(records) AS records FROM (SELECT machine, count() AS records FROM daily GROUP BY machine) WHERE machine = {machine:String} GROUP BY machine",
  query_params: { machine: "laptop" },
  format: "JSONEachRow",
});
console.log(JSON.stringify(await answer.json()));
const pong = await client.ping();
console.log(pong.success);
try {
  await client.command({ query: "DROP TABLE records" });
} catch (error) {
  console.log(error.code, error.type);
}
await client.close();
