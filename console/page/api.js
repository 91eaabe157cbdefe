// api.js sends requests to the public routes and opens the envelope of their responses.
import { language, t } from "./text.js";

// Relative: a proxy may have taken a prefix off the path.
export const root = new URL(document.getElementById("console").dataset.root + ".", document.baseURI);

const timeout = 30_000;

// Failure is a response that is no success, in words for people. Its code is that of the envelope: 1 for a business failure,
// otherwise the HTTP status, or 0 if there was no response of the service.
export class Failure extends Error {
  constructor(code, message, data = {}) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

// parse keeps numbers with a fraction as text: a price is exact, and JavaScript would make a float of it.
const parse = (json) =>
  JSON.parse(json.replace(/"(?:[^"\\]|\\.)*"|-?\d+\.\d+/g, (token) => (token[0] === '"' ? token : `"${token}"`)));

// request returns the data of a success, and throws a Failure. A version becomes If-Match, so that nobody overwrites what
// somebody else has changed meanwhile.
export async function request(method, path, { token, body, version, keepalive } = {}) {
  const headers = { "Accept-Language": language };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  if (version) headers["If-Match"] = `"${version}"`;
  let response, text, answer;
  try {
    response = await fetch(new URL(path, root), {
      method, headers, keepalive, body: body && JSON.stringify(body), signal: AbortSignal.timeout(timeout),
    });
    text = await response.text();
  } catch {
    throw new Failure(0, t("unreachable"));
  }
  try {
    answer = parse(text);
  } catch {} // what a proxy answers for the service may be HTML
  if (typeof answer?.code !== "number") {
    throw new Failure(0, t(response.status >= 500 ? "unavailable" : "invalidAnswer", { status: response.status }));
  }
  if (answer.code !== 0) throw new Failure(answer.code, answer.msg, answer.data);
  return answer.data;
}

// query returns a path with those parameters that have a value.
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
