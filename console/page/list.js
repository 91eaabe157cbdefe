// list.js pages through a list of the service: the newest come first, and next begins the following page.
import { call } from "./session.js";
import { query } from "./api.js";

const limit = 20;
const maxLimit = 100; // of the service
const staysNew = 300_000; // ms
const pages = 10; // a search among very many may return pages that are empty and not the last

// page returns the rows of a page and the next one's beginning, which is missing if there is none.
export async function page(path, name, parameters) {
  let rows = [], next = parameters.after;
  for (let i = 0; i < pages; i++) {
    const data = await call("GET", query(path, { limit, ...parameters, after: next }));
    rows = rows.concat(data[name]);
    next = data.next;
    if (rows.length || !next) break;
  }
  return { rows, next };
}

// head returns the beginning of a list: at least count rows, unless there are fewer.
export async function head(path, name, parameters, count) {
  let rows = [], next;
  do {
    const missing = Math.min(Math.max(count - rows.length, limit), maxLimit);
    const more = await page(path, name, { limit: missing, ...parameters, after: next });
    rows = rows.concat(more.rows);
    next = more.next;
    if (!more.rows.length) break;
  } while (next && rows.length < count);
  return { rows, next };
}

// isAfter reports whether an id is greater than another. Ids are larger than JavaScript's numbers are exact.
export const isAfter = (a, b) => BigInt(a) > BigInt(b);

// arrivals returns the ids of the rows of the beginning, just read again, that have come to the list. One that is older than all
// that were shown has only moved up from the next page, if there was one.
export function arrivals(shown, first) {
  const known = new Set(shown.rows.map((row) => row.id));
  const oldest = (shown.next && shown.rows.at(-1)?.id) ?? "0";
  return first.rows.map((row) => row.id).filter((id) => !known.has(id) && isAfter(id, oldest));
}

// keep returns the arrivals to mark as new, with their times: those that are still on the list, for some minutes.
export function keep(fresh, arrived, { rows }) {
  const now = Date.now(), since = new Map(fresh);
  for (const id of arrived) since.set(id, now);
  const ids = new Set(rows.map((row) => row.id));
  return new Map([...since].filter(([id, at]) => ids.has(id) && now - at < staysNew));
}

// merge puts the beginning of the list, just read again, over the rows that are shown. Rows below it stay as they were. Rows in its
// range that it lacks have left the list. If so many are new that there may be a gap, the beginning is all there is to show.
export function merge(shown, first) {
  const last = first.rows.at(-1);
  if (!last || !first.next) return first;
  const below = shown.rows.filter((row) => isAfter(last.id, row.id));
  const joined = shown.rows.some((row) => row.id === last.id || isAfter(row.id, last.id));
  return joined && below.length ? { rows: first.rows.concat(below), next: shown.next } : first;
}

const places = new Map(); // of lists, by name: {state, scroll, row}
const maxPlaces = 20;

// leave keeps what a list shows, and where its reader is.
export function leave(name, state) {
  const row = document.activeElement?.closest("a.row")?.getAttribute("href");
  places.delete(name);
  places.set(name, { state, scroll: scrollY, row });
  if (places.size > maxPlaces) places.delete(places.keys().next().value);
}

// left returns the state that leave kept, or undefined.
export const left = (name) => places.get(name)?.state;

// comeBack puts the reader where leave found them.
export function comeBack(name) {
  const place = places.get(name);
  if (!place) return;
  if (place.row) document.querySelector(`a.row[href="${place.row}"]`)?.focus({ preventScroll: true });
  scrollTo(0, place.scroll);
}

// forgetPlaces forgets what leave kept.
export const forgetPlaces = () => places.clear();
