// Checks what httpyac says of requests.http, as JSON on standard input: each request has the status in its title, or
// 200, and none has gone wrong in another way.
import { text } from "node:stream/consumers";

const { requests } = JSON.parse(await text(process.stdin));
let wrong = 0;
for (const { title, response, testResults = [] } of requests) {
  const want = Number(title.match(/：(\d{3}) /)?.[1] ?? 200);
  const errors = testResults.filter(({ status }) => status !== "SUCCESS").map(({ message }) => message);
  if (response?.statusCode !== want || errors.length > 0) {
    wrong++;
    console.error(`${title}: ${response?.statusCode ?? "no response"} instead of ${want} ${errors.join("; ")}`);
  }
}
console.log(`requests.http: ${requests.length} requests, ${wrong} wrong`);
process.exit(wrong > 0 || requests.length < 10 ? 1 : 0);
