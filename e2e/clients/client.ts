// Goes through the tutorial with the types that openapi-typescript has generated from the service's document, api.ts.
// It takes the address of the service and a token of staff. That it compiles is half of the test: the types must know every field.
import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./api.js";

declare const process: { argv: string[] };

const price = 1234567.89;

function expect(step: string, ok: boolean): asserts ok {
  if (!ok) throw new Error(`${step}: not what the document promises`);
}

// A value of an answer can be written down, which a type that nothing can have would not allow.
const sample: components["schemas"]["OrderAnswer"] = {
  code: 0,
  msg: "查询成功",
  data: {
    id: "1", userid: "1", product: "product1", price, status: "created",
    created_at: "2026-01-02T03:04:05.678Z", updated_at: "2026-01-02T03:04:05.678Z", version: 1,
  },
};
// @ts-expect-error: no field of an order is called so
void sample.data.priice;
// @ts-expect-error: a success has no other code
sample.code = 1;
const message: webhooks["orderEvent"]["post"]["requestBody"]["content"]["application/json"] = {
  type: "order.created", timestamp: sample.data.created_at, data: sample.data,
};
// @ts-expect-error: what a webhook gets has no other fields
void message.order;

const api = createClient<paths>({ baseUrl: process.argv[2] ?? "", signal: AbortSignal.timeout(60_000) });
const username = `ts${Date.now()}`;
const password = "test123";

const registered = await api.POST("/user/register", { body: { username, password, email: `${username}@example.com` } });
expect("register", registered.data?.code === 0);
const userid: string = registered.data.data.userid;

const wrong = await api.POST("/user/login", { body: { username, password: "another" } });
expect("a wrong password", wrong.data?.code === 1 && wrong.data.msg === "用户名或密码错误");
// @ts-expect-error: a failure has no token
void wrong.data.data.token;
const loggedIn = await api.POST("/user/login", { body: { username, password } });
expect("login", loggedIn.data?.code === 0);
expect("login", loggedIn.data.data.userid === userid && loggedIn.data.data.expires_in > 0);
const headers = { Authorization: `Bearer ${loggedIn.data.data.token}` };

const info = await api.GET("/user/info", { headers });
expect("info", info.data?.code === 0 && info.data.data.username === username);

const created = await api.POST("/order/create", { headers, body: { product: "product1", price } });
expect("create", created.data?.code === 0);
const order = created.data.data;
expect("create", order.price === price && order.status === "created" && order.userid === userid);
const mine = await api.POST("/order/create", { headers, body: { userid, product: "product1", price: 0.07 } });
expect("create with a userid", mine.data?.data.price === 0.07);

const at = { headers, params: { path: { orderid: order.id } } };
const queried = await api.GET("/order/query/{orderid}", at);
expect("query", queried.data?.code === 0 && JSON.stringify(queried.data.data) === JSON.stringify(order));
const cancelled = await api.DELETE("/order/cancel/{orderid}", at);
expect("cancel", cancelled.data?.code === 0);
const gone = await api.GET("/order/query/{orderid}", at);
expect("query a cancelled order", gone.data?.code === 1);

const staff = { Authorization: `Bearer ${process.argv[3]}` };
const keyed = { headers, params: { header: { "Idempotency-Key": username } }, body: { product: "product1", price, metadata: { size: "XL" } } };
const first = await api.POST("/order/create", keyed);
const again = await api.POST("/order/create", keyed);
expect("create again", first.data?.code === 0 && JSON.stringify(again.data) === JSON.stringify(first.data));
expect("create again", again.response.headers.get("Idempotent-Replayed") === "true" && again.data?.data.metadata?.size === "XL");
const used = await api.POST("/order/create", { ...keyed, body: { product: "product2", price } });
expect("create another with the key", used.error?.code === 422);

const path = { orderid: first.data.data.id };
const header = { "If-Match": first.response.headers.get("ETag") ?? "" };
const paid = await api.POST("/order/status/{orderid}", { headers: staff, params: { path, header }, body: { status: "paid" } });
expect("mark paid", paid.data?.code === 0 && paid.data.data.status === "paid" && paid.data.data.version === 2);
const late = await api.POST("/order/status/{orderid}", { headers: staff, params: { path, header }, body: { status: "paid" } });
expect("mark paid with the old version", late.error?.code === 412);
const early = await api.POST("/order/status/{orderid}", { headers, params: { path }, body: { status: "completed" } });
expect("complete before it is shipped", early.data?.code === 1 && early.data.data.next?.join() === "cancelled");
const orders = await api.GET("/order/list", { headers, params: { query: { status: "paid" } } });
expect("list", orders.data?.data.orders.map(({ id }) => id).join() === path.orderid && orders.data.data.next === undefined);
const history = await api.GET("/order/history/{orderid}", { headers, params: { path } });
expect("history", history.data?.code === 0 && history.data.data.events.map(({ type, by }) => `${type} ${by}`).join() === "order.created customer,order.paid staff");
const feed = await api.GET("/order/events", { headers: staff, params: { query: { limit: 1 } } });
expect("events", feed.data?.data.events[0]?.order.status === "created" && feed.data.data.next === feed.data.data.events[0].id);
const hooks = await api.GET("/order/webhooks", { headers: staff });
expect("webhooks", hooks.data?.data.webhooks.length === 0);
const due = await api.POST("/order/webhooks/retry", { headers: staff });
expect("retry webhooks", due.data?.code === 0);
const forbidden = await api.POST("/order/webhooks/retry", { headers, body: {} });
expect("retry webhooks as a customer", forbidden.error?.code === 403);

const bad = await api.POST("/order/create", { headers, body: { product: "", price: -1 } });
expect("create with bad fields", bad.error?.code === 400);
const fields = "errors" in bad.error.data ? bad.error.data.errors : undefined;
expect("create with bad fields", fields?.map(({ field }) => field).join() === "product,price");
const stranger = await api.GET("/order/query/{orderid}", { params: at.params });
expect("query without a token", stranger.error?.code === 401);

const refreshed = await api.POST("/user/refresh", { body: { refresh_token: loggedIn.data.data.refresh_token } });
expect("refresh", refreshed.data?.data.userid === userid && refreshed.data.data.refresh_expires_in > 0);
const fresh = { Authorization: `Bearer ${refreshed.data.data.token}` };
const listed = await api.GET("/user/sessions", { headers: fresh });
expect("sessions", listed.data?.data.sessions.map(({ current }) => current).join() === "true");
const users = await api.GET("/user/list", { headers: fresh, params: { query: { limit: 1 } } });
expect("list users as a customer", users.error?.code === 403);
const out = await api.POST("/user/logout", { headers: fresh, body: { scope: "this" } });
expect("logout", out.data?.data.ended === 1);
const over = await api.POST("/user/logout", { headers: fresh });
expect("logout twice, without a body", over.error?.code === 401);

console.log("openapi-typescript: register, login, info, create, query, cancel, list, move, refresh, logout and a failure went as promised");
