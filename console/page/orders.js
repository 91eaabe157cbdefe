// orders.js shows the orders of everybody, by status.
import { OrderList } from "./orderlist.js";
import { t } from "./text.js";
import { Component, Heading, html } from "./view.js";

const statuses = ["created", "paid", "shipped", "completed", "cancelled"];

export class Orders extends Component {
  open = (event) => {
    event.preventDefault();
    location.hash = `#/orders/${event.target.elements.number.value.trim()}`;
  };

  render({ status: asked }) {
    const status = statuses.includes(asked) ? asked : "";
    const address = (s) => (s ? `#/orders?status=${s}` : "#/orders");
    return html`
      <${Heading} name=${t("orders")} />
      <div class="bar">
        <nav class="tabs" aria-label=${t("byStatus")}>
          ${["", ...statuses].map((s) => html`
            <a key=${s} href=${address(s)} aria-current=${s === status ? "true" : undefined}>${t(s || "all")}</a>`)}
        </nav>
        <form class="find" onSubmit=${this.open}>
          <input name="number" inputmode="numeric" pattern="\\s*[1-9][0-9]{0,18}\\s*" required
            aria-label=${t("number")} title=${t("number")} placeholder=${t("number")} />
          <button>${t("openOrder")}</button>
        </form>
      </div>
      <${OrderList} key=${status} status=${status} userid="all" />`;
  }
}
