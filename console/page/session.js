// session.js keeps the session of this tab: the access token in memory, the refresh token in sessionStorage, so that a
// reload asks for no password. A refresh token is good once. A tab that was duplicated has the same one, so tabs tell each
// other about its successor: two that refresh on their own would look like a thief, and the session would end.
import { Failure, request, root } from "./api.js";
import { t } from "./text.js";

const key = `userorder${root.pathname}`; // services below other prefixes of this host have other sessions
const channel = new BroadcastChannel(key);
const patience = 300; // ms that a tab has to answer in

// {name, token, refresh, due, ends, refreshing}: tabs of one session have the same name, which is no secret; the access token is to
// be refreshed when it is due, and ends later.
let current = null;
let answered = () => {};
let onEnd = () => {};

const stored = {
  get() {
    try {
      const [name, refresh] = sessionStorage.getItem(key).split(" ");
      return { name, refresh };
    } catch {
      return null; // there is none, or the browser keeps nothing: a reload asks for the password
    }
  },
  set(session) {
    try {
      if (session) sessionStorage.setItem(key, `${session.name} ${session.refresh}`);
      else sessionStorage.removeItem(key);
    } catch {}
  },
};

// tokensOf returns the tokens of a login or a refresh, which is due ahead of the end of the access token.
function tokensOf({ token, refresh_token: refresh, expires_in: seconds }) {
  const ends = Date.now() + seconds * 1000;
  return { token, refresh, ends, due: ends - Math.min(60_000, seconds * 200) };
}

function keep(session, tokens) {
  Object.assign(session, tokens);
  stored.set(session);
}

function forget(session, message) {
  if (current !== session) return;
  current = null;
  stored.set(null);
  onEnd(message);
}

channel.onmessage = ({ data: { name, tokens, asks } }) => {
  if (name !== current?.name) return;
  if (asks) {
    const { token, refresh, due, ends } = current;
    if (token) channel.postMessage({ name, tokens: { token, refresh, due, ends } });
    return;
  }
  if (!tokens) forget(current, t("loggedOut"));
  else if (tokens.ends > current.ends) keep(current, tokens); // an answer may come after a refresh of this tab's own
  answered();
};

function refresh(session) {
  const { name, refresh: spent } = session;
  session.refreshing ??= (async () => {
    try {
      const tokens = tokensOf(await request("POST", "user/refresh", { body: { refresh_token: spent } }));
      if (current !== session || session.refresh !== spent) return; // somebody has logged out, or another tab was first
      keep(session, tokens);
      channel.postMessage({ name, tokens });
    } catch (failure) {
      if (failure.code === 400 || failure.code === 401) forget(session, t("sessionOver"));
      throw failure;
    }
  })().finally(() => (session.refreshing = null));
  return session.refreshing;
}

// call sends a request with the token of the session, and refreshes it when that is due. If the session has ended, it calls
// onEnd and throws a Failure.
export async function call(method, path, options) {
  const session = current;
  const over = new Failure(401, t("sessionOver"));
  if (!session) throw over;
  if (Date.now() >= session.due) {
    const refreshed = refresh(session);
    if (Date.now() >= session.ends) await refreshed;
    else refreshed.catch(() => {}); // the next call tries again
  }
  const { token } = session;
  try {
    return await request(method, path, { ...options, token });
  } catch (failure) {
    if (failure.code !== 401 || current !== session) throw failure;
    if (session.token === token) await refresh(session); // refused before it was due, for example after a change of the role
    if (current !== session) throw over;
  }
  return request(method, path, { ...options, token: session.token });
}

// start goes on with the session from before a reload. It returns the user, or null if there is none. Ended is called with a
// message when a session is over.
export async function start(ended) {
  onEnd = ended;
  const kept = stored.get();
  if (!kept) return null;
  current = { ...kept, token: "", due: 0, ends: 0 };
  channel.postMessage({ name: kept.name, asks: true }); // its token may be spent, if this tab is a copy
  await new Promise((resolve) => {
    answered = resolve;
    setTimeout(resolve, patience);
  });
  return current && identify();
}

// logIn begins a session and returns the user, or null if the user is not staff.
export async function logIn(username, password) {
  const tokens = tokensOf(await request("POST", "user/login", { body: { username, password } }));
  current = { name: Math.random().toString(36).slice(2) };
  keep(current, tokens);
  try {
    return await identify();
  } catch (failure) {
    logOut();
    throw failure;
  }
}

// identify returns the user of the session. It ends the session and returns null if the user is not staff.
async function identify() {
  const user = await call("GET", "user/info");
  if (user.role === "staff") return user;
  await logOut();
  return null;
}

// logOut ends the session in all tabs that share it, at once, and then tells the service.
export async function logOut() {
  const session = current;
  if (!session) return;
  channel.postMessage({ name: session.name });
  forget(session, t("loggedOut"));
  try {
    await end(session);
  } catch (failure) {
    if (failure.code !== 401 && !current) onEnd(t("logOutFailed"));
  }
}

// end has the service end a session. The request outlives the tab.
async function end(session) {
  const send = () => request("POST", "user/logout", { token: session.token, body: {}, keepalive: true });
  try {
    if (session.token) return await send();
  } catch (failure) {
    if (failure.code !== 401) throw failure;
  }
  Object.assign(session, tokensOf(await request("POST", "user/refresh", { body: { refresh_token: session.refresh } })));
  await send();
}
