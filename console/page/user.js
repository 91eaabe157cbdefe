// user.js shows one user with the orders, and disables the account or changes the role.
import { Dialog } from "./dialog.js";
import { OrderList } from "./orderlist.js";
import { isID, userByID } from "./people.js";
import { call } from "./session.js";
import { capitalized, t } from "./text.js";
import { Active, Announcement, Component, Heading, Loading, Named, Problem, Time, html } from "./view.js";

// changes has the request body of each action, by the name of its texts.
const changes = {
  disable: { disabled: true }, enable: { disabled: false }, makeStaff: { role: "staff" }, makeCustomer: { role: "customer" },
};

export class User extends Component {
  state = { user: null, missing: false, problem: "", announcement: "", asked: "" };

  componentDidMount() {
    this.load();
  }

  load = async () => {
    const { id } = this.props;
    this.setState({ problem: "" });
    try {
      const user = isID(id) ? await userByID(id) : null;
      this.setState(user ? { user } : { missing: true });
    } catch (failure) {
      this.setState({ problem: failure.message });
    }
  };

  change = async (change) => {
    const user = await call("POST", `user/update/${this.props.id}`, { body: changes[change] });
    this.setState({ user, announcement: t("userChanged") });
  };

  render({ id, self }, { user, missing, problem, announcement, asked }) {
    const name = user?.username ?? t("userNumber", { id });
    const title = missing ? t("noSuchUser", { id }) : name;
    const offered = user && [user.disabled ? "enable" : "disable", user.role === "staff" ? "makeCustomer" : "makeStaff"];
    return html`
      <p><a href="#/users">${t("backToUsers")}</a></p>
      <${Heading} name=${title}>${user && html`<${Active} user=${user} />`}<//>
      ${missing && html`<p>${t("noSuchUserHelp")}</p>`}
      <${Announcement} text=${announcement} />
      <${Problem} text=${problem} again=${this.load} />
      ${!user && !missing && !problem && html`<${Loading} />`}
      ${user && html`
        <dl>
          <dt>${t("userid")}</dt><dd>${user.userid}</dd>
          <dt>${t("email")}</dt><dd class="text">${user.email}</dd>
          <dt>${t("role")}</dt><dd>${t(`${user.role}Role`)}</dd>
          <dt>${t("registeredAt")}</dt><dd><${Time} at=${user.created_at} /></dd>
        </dl>
        ${self === id ? html`<p>${t("ownAccount")}</p>` : html`
          <div class="buttons">${offered.map((change) => html`
            <button key=${change} class=${change === "disable" ? "danger" : undefined} onClick=${() => this.setState({ asked: change })}>
              ${t(change)}
            </button>`)}</div>`}`}
      <h2>${t("ordersOfUser")}</h2>
      ${isID(id) && html`<${OrderList} status="" userid=${id} />`}
      ${asked && html`
        <${Dialog} title=${t(asked)} action=${t(asked)} danger=${asked === "disable"}
          act=${() => this.change(asked)} close=${() => this.setState({ asked: "" })}>
          <p class="text"><${Named} text=${`ask${capitalized(asked)}`} name=${name} /></p>
        <//>`}`;
  }
}
