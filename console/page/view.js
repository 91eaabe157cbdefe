// view.js has Preact with htm and the parts that views share.
import { Component, createRef, h, render } from "./preact.mjs";
import htm from "./htm.mjs";
import { date, minute, t } from "./text.js";

export const html = htm.bind(h);
export { Component, createRef, render };

// Heading names the page, for the tab and for screen readers: a reader that has followed a link begins here.
export class Heading extends Component {
  element = createRef();

  componentDidMount() {
    document.title = `${this.props.name} · ${t("brand")}`;
    if (Heading.moved) {
      this.element.current.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    Heading.moved = true; // not on the first page, which the browser reads from its top
  }

  componentDidUpdate() {
    document.title = `${this.props.name} · ${t("brand")}`;
  }

  render({ name, children }) {
    return html`<h1 tabindex="-1" ref=${this.element}>${name} ${children}</h1>`;
  }
}

// Problem says what went wrong, at once. With again it has a button that calls it.
export const Problem = ({ text, again }) => html`
  <div role="alert">${text && html`<p class="problem">${text}</p>`}</div>
  ${text && again && html`<button onClick=${again}>${t("tryAgain")}</button>`}`;

// Named is a text with {name} in it. What people write is isolated, for it may turn the direction of the text around it.
export function Named({ text, name }) {
  const [before, after] = t(text).split("{name}");
  return html`${before}<bdi>${name}</bdi>${after}`;
}

// Announcement says what has happened as soon as nothing else is being read. It must be there before it has a text.
export const Announcement = ({ text }) => html`<p role="status" class=${text ? "announcement" : "announcement none"}>${text}</p>`;

// Time is a timestamp; brief leaves the seconds out, and shows all of it on hover.
export const Time = ({ at, brief }) => html`<time datetime=${at} title=${date(at)}>${brief ? minute(at) : date(at)}</time>`;

export const Status = ({ status }) => html`<span class="chip ${status}">${t(status)}</span>`;

// Active says whether the account of a user is disabled.
export const Active = ({ user }) => html`
  <span class="chip ${user.disabled ? "cancelled" : "completed"}">${t(user.disabled ? "disabled" : "active")}</span>`;

export const Empty = ({ title, children }) => html`<div class="empty"><p><strong>${title}</strong></p><p>${children}</p></div>`;

export const Loading = () => html`<p class="loading">${t("loading")}</p>`;
