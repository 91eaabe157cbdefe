// users.js lists the users and finds one by name.
import { page } from "./list.js";
import { t } from "./text.js";
import { Active, Component, Empty, Heading, Loading, Named, Problem, Time, createRef, html } from "./view.js";

export class Users extends Component {
  state = { users: null, next: "", problem: "", busy: false };
  body = createRef();

  componentDidMount() {
    this.load();
  }

  load = async () => {
    const before = this.state.users ?? [];
    this.setState({ busy: true, problem: "" });
    try {
      const { rows, next } = await page("user/list", "users", { username: this.props.name, after: this.state.next });
      this.setState({ users: before.concat(rows), next }, () => {
        if (before.length && rows.length) this.body.current.querySelector(`[href="#/users/${rows[0].userid}"]`)?.focus();
      });
    } catch (failure) {
      const isNoName = this.props.name && failure.code === 400;
      this.setState(isNoName ? { users: [] } : { problem: failure.message });
    }
    this.setState({ busy: false });
  };

  find = (event) => {
    event.preventDefault();
    const name = event.target.elements.name.value.trim();
    if (name) location.hash = `#/users?${new URLSearchParams({ name })}`;
  };

  render({ name }, { users, next, problem, busy }) {
    return html`
      <${Heading} name=${t("users")} />
      <form class="find" onSubmit=${this.find}>
        <label>${t("findUser")}<input name="name" defaultValue=${name} autocapitalize="none" autocomplete="off" spellcheck="false" required /></label>
        <button>${t("find")}</button>
        ${name && html`<a href="#/users">${t("showAll")}</a>`}
      </form>
      ${!users && html`<${Problem} text=${problem} again=${this.load} />`}
      ${!users && !problem && html`<${Loading} />`}
      ${users?.length === 0 && html`<${Empty} title=${html`<${Named} text="noUser" name=${name} />`}>${t("noUserHelp")}<//>`}
      ${users?.length > 0 && html`
        <table>
          <thead><tr><th scope="col">${t("username")}</th><th scope="col">${t("role")}</th><th scope="col">${t("account")}</th>
            <th scope="col" class="wide">${t("email")}</th><th scope="col" class="wide">${t("registeredAt")}</th></tr></thead>
          <tbody ref=${this.body}>${users.map((user) => html`
            <tr key=${user.userid}>
              <th scope="row" class="text"><a class="row" href=${`#/users/${user.userid}`}>${user.username}</a></th>
              <td>${t(`${user.role}Role`)}</td><td><${Active} user=${user} /></td>
              <td class="wide text">${user.email}</td><td class="wide"><${Time} at=${user.created_at} brief /></td>
            </tr>`)}</tbody>
        </table>`}
      ${users && html`<${Problem} text=${problem} />`}
      ${next && html`<button class="more" aria-disabled=${busy} onClick=${() => busy || this.load()}>${busy ? t("loading") : t("more")}</button>`}`;
  }
}
