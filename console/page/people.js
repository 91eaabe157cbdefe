// people.js finds users by their ids, and shows their names where an order has a number alone.
import { query } from "./api.js";
import { call } from "./session.js";
import { t } from "./text.js";
import { Component, html } from "./view.js";

const maxID = 2n ** 63n - 1n;

// isID reports whether a text may be the id of a user.
export const isID = (text) => /^[1-9][0-9]{0,18}$/.test(text) && BigInt(text) <= maxID;

// userByID returns a user, or null. There is no route for one id, but the list begins below the one that it is given.
export async function userByID(id) {
  const after = BigInt(id) < maxID ? BigInt(id) + 1n : undefined;
  const { users } = await call("GET", query("user/list", { limit: 1, after }));
  return users[0]?.userid === id ? users[0] : null;
}

const names = new Map(); // promises, by id; null is nobody's name
let last = Promise.resolve(); // one question at a time: a list may have many people

function nameOf(id) {
  if (!names.has(id)) {
    last = last.then(() => userByID(id)).then((user) => user?.username ?? null);
    names.set(id, last);
    last = last.catch(() => names.delete(id)); // it is asked again when it is next shown
  }
  return names.get(id);
}

// Person is a link to a user, with the number until the name is known. It stays the number of somebody whose account is erased.
export class Person extends Component {
  state = { name: null };

  componentDidMount() {
    nameOf(this.props.id).then((name) => this.setState({ name }), () => {});
  }

  render({ id }, { name }) {
    return html`<a href=${`#/users/${id}`}><bdi>${name ?? t("userNumber", { id })}</bdi></a>`;
  }
}
