// login.js asks for the name and the password of somebody on the staff.
import { logIn } from "./session.js";
import { t } from "./text.js";
import { Announcement, Component, Heading, Named, Problem, createRef, html } from "./view.js";

export class Login extends Component {
  state = { busy: false, problem: "", refused: "" };
  name = createRef();

  componentDidMount() {
    this.name.current.focus();
  }

  submit = async (event) => {
    event.preventDefault();
    if (this.state.busy) return;
    const { username, password } = event.target.elements;
    this.setState({ busy: true, problem: "", refused: "" });
    try {
      const user = await logIn(username.value, password.value);
      if (user) return this.props.done(user);
      this.setState({ refused: username.value });
    } catch (failure) {
      this.setState({ problem: failure.message });
      password.select();
    }
    this.setState({ busy: false });
  };

  render({ message }, { busy, problem, refused }) {
    const command = html`<code>userorder grant ${refused}</code>`;
    return html`
      <main class="narrow">
        <p class="brand">${t("brand")}</p>
        <${Heading} name=${t("logInTitle")} />
        <p>${t("logInHelp")}</p>
        <${Announcement} text=${!problem && !refused && message} />
        <form onSubmit=${this.submit}>
          <label>
            ${t("username")}
            <input name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required ref=${this.name} />
          </label>
          <label>
            ${t("password")}
            <input name="password" type="password" autocomplete="current-password" required />
          </label>
          <${Problem} text=${refused ? html`<strong>${t("staffOnly")}</strong><br /><${Named} text="staffOnlyHelp" name=${command} />` : problem} />
          <button class="main" aria-disabled=${busy}>${busy ? t("loading") : t("logIn")}</button>
        </form>
      </main>`;
  }
}
