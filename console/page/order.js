// order.js shows one order with its history, and the changes that staff may make.
import { Dialog } from "./dialog.js";
import { Person } from "./people.js";
import { poll } from "./poll.js";
import { call } from "./session.js";
import { amount, capitalized, t } from "./text.js";
import { Announcement, Component, Empty, Heading, Loading, Problem, Status, Time, html } from "./view.js";

// next has the statuses that staff may move an order to. The service decides; a test compares.
const next = { created: ["paid", "cancelled"], paid: ["shipped", "cancelled"], shipped: ["completed"] };

// These mean that somebody else has changed the order meanwhile, or moved it on.
const outdated = [1, 412];

// Back leads to the list that the order was chosen from. The entry in the browser's history has its address.
function Back() {
  const from = history.state?.from ?? "";
  if (/^#\/users\/\d+$/.test(from)) return html`<p><a href=${from}>${t("backToUser")}</a></p>`;
  return html`<p><a href=${/^#\/orders(\?|$)/.test(from) ? from : "#/orders"}>${t("backToOrders")}</a></p>`;
}

export class Order extends Component {
  state = { order: null, events: [], missing: false, problem: "", interrupted: false, announcement: "", asked: null };
  changing = false;

  componentDidMount() {
    this.load();
    this.stop = poll(this.look, (interrupted) => this.setState({ interrupted }));
  }

  componentWillUnmount() {
    this.stop();
  }

  path = (route) => `order/${route}/${encodeURIComponent(this.props.id)}`;

  load = async () => {
    try {
      await this.look();
    } catch (failure) {
      this.setState(failure.code === 1 || failure.code === 400 ? { missing: true } : { problem: failure.message });
    }
  };

  // look ignores a response that is older than what is shown: requests overtake each other.
  look = async () => {
    const order = await call("GET", this.path("query"));
    const isOld = (shown) => shown && order.version <= shown.version;
    if (isOld(this.state.order)) return;
    const { events } = await call("GET", this.path("history"));
    const overtaken = this.state.asked && !this.changing && !isOld(this.state.order);
    this.setState(({ order: before, problem }) => {
      if (isOld(before)) return null;
      const announcement = before ? t("orderChanged", { status: t(order.status) }) : "";
      if (overtaken) return { order, events, announcement, problem: t("changedMeanwhile"), asked: null };
      return { order, events, announcement, problem: before ? problem : "" };
    }, () => overtaken && document.querySelector("h1")?.focus());
  };

  // ask opens the dialog of a change. It is about the order as it is now, and ends if another version comes.
  ask = (status) => this.setState({ asked: { status, version: this.state.order.version }, problem: "" });

  act = async (asked, note) => {
    this.changing = true; // what look finds now is its outcome
    await this.change(asked, note).finally(() => (this.changing = false));
  };

  change = async ({ status, version }, note) => {
    try {
      await call("POST", this.path("status"), { body: { status, note }, version });
    } catch (failure) {
      if (!outdated.includes(failure.code)) throw failure;
      this.setState({ problem: failure.message });
    }
    await this.load();
  };

  render({ id }, { order, events, missing, problem, interrupted, announcement, asked }) {
    if (missing) return html`<${Heading} name=${t("noSuchOrder", { id })} /><p>${t("noSuchOrderHelp")}</p><${Back} />`;
    return html`
      <${Back} />
      <${Heading} name=${t("order", { id })}>${order && html`<${Status} status=${order.status} />`}<//>
      <${Announcement} text=${announcement} />
      <${Problem} text=${problem || (interrupted && t("interrupted"))} />
      ${!order && !problem && html`<${Loading} />`}
      ${order && html`
        <div class="columns">
          <section>
            <${Facts} order=${order} />
            <h2>${t("changes")}</h2>
            <${Changes} order=${order} ask=${this.ask} />
          </section>
          <section><h2>${t("history")}</h2><${History} events=${events} /></section>
        </div>`}
      ${asked && html`
        <${Dialog} title=${t(`do${capitalized(asked.status)}`)} action=${t(`do${capitalized(asked.status)}`)}
          danger=${asked.status === "cancelled"} note
          act=${(note) => this.act(asked, note)} close=${() => this.setState({ asked: null })}>
          <p class="text"><strong>${t("order", { id })}</strong> · <bdi>${order.product}</bdi> · ${amount(order.price)}</p>
          <p>${t(`ask${capitalized(asked.status)}`)}</p>
        <//>`}`;
  }
}

const Facts = ({ order }) => html`
  <dl>
    <dt>${t("product")}</dt><dd class="text">${order.product}</dd>
    <dt>${t("price")}</dt><dd>${amount(order.price)}</dd>
    <dt>${t("customer")}</dt><dd class="text"><${Person} id=${order.userid} /></dd>
    <dt>${t("createdAt")}</dt><dd><${Time} at=${order.created_at} /></dd>
    <dt>${t("updatedAt")}</dt><dd><${Time} at=${order.updated_at} /></dd>
  </dl>
  ${order.metadata && html`
    <h2>${t("details")}</h2>
    <dl>${Object.entries(order.metadata).map(([name, value]) => html`<dt class="text">${name}</dt><dd class="text">${value}</dd>`)}</dl>`}`;

function Changes({ order, ask }) {
  const allowed = next[order.status] ?? [];
  if (!allowed.length) return html`<p>${t("noChanges")}</p>`;
  return html`<div class="buttons">${allowed.map((status) => html`
    <button key=${status} class=${status === "cancelled" ? "danger" : "main"} onClick=${() => ask(status)}>${t(`do${capitalized(status)}`)}</button>`)}</div>`;
}

const History = ({ events }) => html`
  <ol class="history">${events.map((event) => html`
    <li key=${event.id}>
      <strong>${t(`did${capitalized(event.type.replace("order.", ""))}`)}</strong> <small><${Time} at=${event.at} /></small>
      <br />
      <small>${t(`by${capitalized(event.by)}`)}${event.userid && html` · <${Person} id=${event.userid} />`}</small>
      ${event.note && html`<blockquote class="text">${event.note}</blockquote>`}
    </li>`)}</ol>`;
