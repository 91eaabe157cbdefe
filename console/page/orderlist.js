// orderlist.js lists orders. New ones appear by themselves.
import { arrivals, comeBack, head, keep, leave, left, merge, page } from "./list.js";
import { Person } from "./people.js";
import { poll } from "./poll.js";
import { amount, t } from "./text.js";
import { Announcement, Component, Empty, Loading, Problem, Status, Time, createRef, html } from "./view.js";

// OrderList is a list of orders of everybody or of one user.
export class OrderList extends Component {
  name = `orders ${this.props.userid} ${this.props.status}`;
  state = { shown: null, fresh: new Map(), problem: "", failed: "", interrupted: false, busy: false, ...left(this.name) };
  body = createRef();
  looks = 0;
  latest = 0; // the look that the rows are of

  componentDidMount() {
    comeBack(this.name);
    this.load();
    this.stop = poll(this.look, (interrupted) => this.setState({ interrupted }));
  }

  componentWillUnmount() {
    this.stop();
    const { shown, fresh } = this.state;
    if (shown) leave(this.name, { shown, fresh });
  }

  load = async () => {
    try {
      await this.look();
    } catch (failure) {
      this.setState({ problem: failure.message });
    }
  };

  // look reads all rows that are shown again. It ignores a response that a later one has overtaken.
  look = async () => {
    const { userid, status } = this.props;
    const look = ++this.looks;
    const first = await head("order/list", "orders", { userid, status }, this.state.shown?.rows.length ?? 0);
    if (look < this.latest) return;
    this.latest = look;
    this.setState(({ shown, fresh }) => {
      if (!shown) return { shown: first, problem: "" };
      const merged = merge(shown, first);
      return { shown: merged, fresh: keep(fresh, arrivals(shown, first), merged), problem: "" };
    });
  };

  more = async () => {
    if (this.state.busy) return;
    this.setState({ busy: true, failed: "" });
    try {
      const { userid, status } = this.props;
      const after = this.state.shown.next;
      const { rows, next } = await page("order/list", "orders", { userid, status, after });
      const add = ({ shown }) => (shown.next === after ? { shown: { rows: shown.rows.concat(rows), next } } : null);
      this.setState(add, () => {
        if (rows.length) this.body.current?.querySelector(`[href="#/orders/${rows[0].id}"]`)?.focus();
      });
    } catch (failure) {
      this.setState({ failed: failure.message });
    }
    this.setState({ busy: false });
  };

  empty() {
    const { status, userid } = this.props;
    if (userid !== "all") return html`<${Empty} title=${t("noOrdersOfUser")}>${t("noOrdersOfUserHelp")}<//>`;
    if (status) return html`<${Empty} title=${t("noOrdersOfStatus", { status: t(status) })}>${t("noOrdersOfStatusHelp")}<//>`;
    return html`<${Empty} title=${t("noOrders")}>${t("noOrdersHelp")}<//>`;
  }

  render({ userid }, { shown, fresh, problem, failed, interrupted, busy }) {
    const ofAll = userid === "all";
    return html`
      <${Announcement} text=${fresh.size > 0 && t("newOrders", { n: fresh.size })} />
      <${Problem} text=${problem || (interrupted && t("interrupted"))} />
      ${!shown && !problem && html`<${Loading} />`}
      ${shown && !shown.rows.length && this.empty()}
      ${shown && shown.rows.length > 0 && html`
        <table class="orders" role="table">
          <thead role="rowgroup"><tr role="row">
            <th scope="col" role="columnheader">${t("number")}</th>
            <th scope="col" role="columnheader">${t("product")}</th>
            <th scope="col" role="columnheader" class="amount">${t("price")}</th>
            <th scope="col" role="columnheader">${t("status")}</th>
            ${ofAll && html`<th scope="col" role="columnheader" class="wide">${t("customer")}</th>`}
            <th scope="col" role="columnheader" class="wide">${t("createdAt")}</th>
          </tr></thead>
          <tbody role="rowgroup" ref=${this.body}>
            ${shown.rows.map((order) => html`<${Row} key=${order.id} order=${order} fresh=${fresh.has(order.id)} ofAll=${ofAll} />`)}
          </tbody>
        </table>`}
      <${Problem} text=${failed} />
      ${shown?.next && html`<button class="more" aria-disabled=${busy} onClick=${this.more}>${busy ? t("loading") : t("more")}</button>`}`;
  }
}

// Row is an order. In a narrow window it is two lines, with the time beside the number, and browsers need the roles to know that
// it is still a row.
const Row = ({ order, fresh, ofAll }) => html`
  <tr role="row" class=${fresh ? "fresh" : undefined}>
    <th scope="row" role="rowheader">
      <a class="row" href=${`#/orders/${order.id}`}>${order.id}</a> ${fresh && html`<span class="badge">${t("isNew")}</span> `}
      <small class="narrow-only"><${Time} at=${order.created_at} brief /></small>
    </th>
    <td role="cell"><span class="text clamp">${order.product}</span></td>
    <td role="cell" class="amount">${amount(order.price)}</td>
    <td role="cell" class="state"><${Status} status=${order.status} /></td>
    ${ofAll && html`<td role="cell" class="wide text person"><${Person} id=${order.userid} /></td>`}
    <td role="cell" class="wide"><${Time} at=${order.created_at} brief /></td>
  </tr>`;
