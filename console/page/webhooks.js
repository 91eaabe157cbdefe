// webhooks.js shows what waits for each webhook, and has it sent again.
import { poll } from "./poll.js";
import { call } from "./session.js";
import { failure as inWords, t } from "./text.js";
import { Announcement, Component, Empty, Heading, Loading, Problem, Time, html } from "./view.js";

export class Webhooks extends Component {
  state = { webhooks: null, problem: "", interrupted: false, announcement: "", busy: false };

  componentDidMount() {
    this.attempt(this.look);
    this.stop = poll(this.look, (interrupted) => this.setState({ interrupted }));
  }

  componentWillUnmount() {
    this.stop();
  }

  look = async () => this.setState({ webhooks: (await call("GET", "order/webhooks")).webhooks });

  attempt = async (work) => {
    this.setState({ problem: "", busy: true });
    try {
      await work();
    } catch (failure) {
      this.setState({ problem: failure.message });
    }
    this.setState({ busy: false });
  };

  retry = () =>
    this.state.busy || this.attempt(async () => {
      await call("POST", "order/webhooks/retry", { body: {} });
      this.setState({ announcement: t("retrying") });
      await this.look();
    });

  render(_, { webhooks, problem, interrupted, announcement, busy }) {
    const waiting = webhooks?.some((webhook) => webhook.waiting > 0);
    return html`
      <${Heading} name=${t("webhooks")} />
      <${Announcement} text=${announcement} />
      <${Problem} text=${problem || (interrupted && t("interrupted"))} />
      ${!webhooks && !problem && html`<${Loading} />`}
      ${webhooks?.length === 0 && html`<${Empty} title=${t("noWebhooks")}>${t("noWebhooksHelp")}<//>`}
      ${webhooks?.map((webhook, i) => html`<${Webhook} key=${i} number=${webhooks.length > 1 && i + 1} webhook=${webhook} />`)}
      ${waiting && html`<button class="main" aria-disabled=${busy} onClick=${this.retry}>${t("retry")}</button>`}`;
  }
}

// Webhook is one of WEBHOOK_URLS, with its number if there are more: what is not shown of two may be all that differs.
const Webhook = ({ number, webhook }) => html`
  <section class="card">
    <h2 class="text">${number && `${number} · `}${webhook.url}</h2>
    ${webhook.waiting === 0 ? html`<p>${t("delivered")}</p>` : html`
      <dl>
        <dt>${t("waiting")}</dt><dd>${webhook.waiting}</dd>
        ${webhook.oldest && html`<dt>${t("oldest")}</dt><dd><${Time} at=${webhook.oldest} /></dd>`}
        ${webhook.last_error && html`<dt>${t("lastError")}</dt><dd>${inWords(webhook.last_error)}</dd>`}
        ${webhook.next_try && html`<dt>${t("nextTry")}</dt><dd><${Time} at=${webhook.next_try} /></dd>`}
      </dl>`}
  </section>`;
