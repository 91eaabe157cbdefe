// users.js lists the users and finds one by name.
import { comeBack, head, leave, left, page } from "./list.js";
import { t } from "./text.js";
import { Active, Component, Empty, Heading, Loading, Named, Problem, Time, createRef, html } from "./view.js";

export class Users extends Component {
  name = `users ${this.props.name}`;
  state = { users: null, next: "", problem: "", busy: false, ...left(this.name) };
  body = createRef();

  componentDidMount() {
    comeBack(this.name);
    this.load();
  }

  componentWillUnmount() {
    const { users, next } = this.state;
    if (users) leave(this.name, { users, next });
  }

  read = async (work) => {
    this.setState({ busy: true, problem: "" });
    try {
      await work({ username: this.props.name });
    } catch (failure) {
      const isNoName = this.props.name && failure.code === 400;
      this.setState(isNoName ? { users: [] } : { problem: failure.message });
    }
    this.setState({ busy: false });
  };

  // load reads the list, and again what was shown of it before.
  load = () => this.read(async (filter) => {
    const { rows, next } = await head("user/list", "users", filter, this.state.users?.length ?? 0);
    this.setState({ users: rows, next });
  });

  more = () => this.state.busy || this.read(async (filter) => {
    const { rows, next } = await page("user/list", "users", { ...filter, after: this.state.next });
    this.setState(({ users }) => ({ users: users.concat(rows), next }), () => {
      if (rows.length) this.body.current?.querySelector(`[href="#/users/${rows[0].userid}"]`)?.focus();
    });
  });

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
      ${next && html`<button class="more" aria-disabled=${busy} onClick=${this.more}>${busy ? t("loading") : t("more")}</button>`}`;
  }
}
