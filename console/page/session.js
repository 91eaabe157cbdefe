// session.js keeps the session of this tab: the access token in memory, the refresh token in sessionStorage, so that a
// reload asks for no password. A refresh token is good once. A tab that was duplicated has the same one, so tabs tell each
// other about its successor: two that refresh on their own would look like a thief, and the session would end.
import { Failure, request, root } from "./api.js";
import { t } from "./text.js";

const key = `userorder${root.pathname}`; // services below other prefixes of this host have other sessions
const channel = new BroadcastChannel(key);

let current = null; // {token, refresh, due, user}
let refreshing = null; // the refresh that is under way
let onEnd = () => {};

const stored = {
  get() {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null; // a browser that keeps nothing: a reload asks for the password
    }
  },
  set(refresh) {
    try {
      if (refresh) sessionStorage.setItem(key, refresh);
      else sessionStorage.removeItem(key);
    } catch {}
  },
};

// keep takes over the tokens of a login or a refresh, and plans the refresh ahead of the end of the access token.
function keep(data) {
  const life = data.expires_in * 1000;
  const due = Date.now() + life - Math.min(60_000, life / 5);
  current = { ...current, token: data.token, refresh: data.refresh_token, due };
  stored.set(data.refresh_token);
}

function forget(message) {
  const wasThere = current !== null;
  current = null;
  stored.set(null);
  if (wasThere) onEnd(message);
}

channel.onmessage = ({ data }) => {
  if (!current || data.spent !== current.refresh) return;
  if (data.tokens) keep(data.tokens);
  else forget(t("loggedOut"));
};

function refresh() {
  refreshing ??= (async () => {
    const spent = current.refresh;
    try {
      const tokens = await request("POST", "user/refresh", { body: { refresh_token: spent } });
      if (current?.refresh !== spent) return; // another tab was first, or somebody has logged out
      keep(tokens);
      channel.postMessage({ spent, tokens });
    } catch (failure) {
      if (failure.code === 400 || failure.code === 401) forget(t("sessionOver"));
      throw failure;
    }
  })().finally(() => (refreshing = null));
  return refreshing;
}

// call sends a request with the token of the session, which it refreshes if that is due. If the session has ended, it throws a
// Failure after it has told whoever called start.
export async function call(method, path, options) {
  const over = new Failure(401, t("sessionOver"));
  if (!current) throw over;
  if (Date.now() >= current.due) await refresh();
  const token = current?.token;
  try {
    return await request(method, path, { ...options, token });
  } catch (failure) {
    if (failure.code !== 401 || !current) throw failure;
    if (current.token === token) await refresh(); // refused before it was due, for example after a change of the role
    if (!current) throw over;
  }
  return request(method, path, { ...options, token: current.token });
}

// identify returns the user of the session, or null and ends it for whoever is not staff.
async function identify() {
  const user = await call("GET", "user/info");
  if (user.role !== "staff") {
    await logOut();
    return null;
  }
  current.user = user;
  return user;
}

// start goes on with the session from before a reload. It returns the user, or null if there is none. Ended is called with a
// message when a session is over.
export async function start(ended) {
  onEnd = ended;
  const kept = stored.get();
  if (!kept) return null;
  current = { token: "", refresh: kept, due: 0, user: null };
  return identify();
}

// logIn begins a session and returns the user, or null if the user is not staff.
export async function logIn(username, password) {
  current = null;
  keep(await request("POST", "user/login", { body: { username, password } }));
  return identify();
}

// logOut ends the session, for all tabs that share it. It is forgotten here even if the service cannot be told.
export async function logOut() {
  let message = t("loggedOut"), spent = current?.refresh;
  try {
    await call("POST", "user/logout", { body: {} });
    spent = current?.refresh ?? spent; // it may have been refreshed for that
  } catch (failure) {
    if (failure.code !== 401) message = t("logOutFailed");
  }
  channel.postMessage({ spent });
  forget(message);
}
