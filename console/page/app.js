// app.js is the page: who is logged in, and which view the address asks for.
import { forgetPlaces } from "./list.js";
import { Login } from "./login.js";
import { Order } from "./order.js";
import { Orders } from "./orders.js";
import { logOut, start } from "./session.js";
import { language, t, zone } from "./text.js";
import { User } from "./user.js";
import { Users } from "./users.js";
import { Component, Empty, Heading, Loading, Problem, html, render } from "./view.js";
import { Webhooks } from "./webhooks.js";

const sections = ["orders", "users", "webhooks"];

// route returns the section, the id and the parameters of the address: #/orders/12, #/orders?status=paid.
function route() {
  const [path, parameters] = (location.hash.slice(2) || "orders").split("?");
  const [section, id, ...rest] = path.split("/");
  return { section: rest.length ? "" : section, id, parameters: new URLSearchParams(parameters) };
}

function view({ section, id, parameters }, user) {
  switch (section) {
    case "orders":
      if (id) return html`<${Order} key=${`order ${id}`} id=${id} />`;
      return html`<${Orders} key="orders" status=${parameters.get("status") ?? ""} />`;
    case "users":
      if (id) return html`<${User} key=${`user ${id}`} id=${id} self=${user.userid} />`;
      return html`<${Users} key=${`users ${parameters}`} name=${parameters.get("name")?.trim() ?? ""} />`;
    case "webhooks":
      return html`<${Webhooks} key="webhooks" />`;
  }
  return html`<${Heading} key="none" name=${t("notFound")} /><${Empty} title=${t("notFound")}>${t("notFoundHelp")}<//>`;
}

class App extends Component {
  state = { starting: true, user: null, message: "", problem: "", at: route() };

  componentDidMount() {
    history.scrollRestoration = "manual"; // lists do it
    if (!history.state) history.replaceState({ from: "" }, "");
    addEventListener("hashchange", ({ oldURL }) => {
      if (!history.state) history.replaceState({ from: new URL(oldURL).hash }, ""); // a new entry, not one that was gone back to
      this.setState({ at: route() });
    });
    this.start();
  }

  start = async () => {
    this.setState({ starting: true, problem: "" });
    try {
      this.setState({ user: await start(this.ended) });
    } catch (failure) {
      if (failure.code !== 401) this.setState({ problem: failure.message });
    }
    this.setState({ starting: false });
  };

  ended = (message) => this.setState({ user: null, message }, forgetPlaces); // the lists have left by then

  skip = (event) => {
    event.preventDefault(); // the address names the view
    document.querySelector("h1").focus();
  };

  render(_, { starting, user, message, problem, at }) {
    if (problem) {
      return html`
        <main class="narrow">
          <${Heading} name=${t("brand")} />
          <${Problem} text=${problem} again=${this.start} />
        </main>`;
    }
    if (starting) return html`<main><${Loading} /></main>`;
    if (!user) return html`<${Login} message=${message} done=${(user) => this.setState({ user, message: "" })} />`;
    return html`
      <header>
        <a class="skip" href="#" onClick=${this.skip}>${t("skip")}</a>
        <a class="brand" href="#/orders">${t("brand")}</a>
        <nav aria-label=${t("sections")}>
          ${sections.map((section) => html`
            <a key=${section} href=${`#/${section}`} aria-current=${section === at.section ? "page" : undefined}>${t(section)}</a>`)}
        </nav>
        <div class="me"><span>${user.username}</span><button class="quiet" onClick=${logOut}>${t("logOut")}</button></div>
      </header>
      <main>${view(at, user)}</main>
      <footer>${t("zone", { zone })}</footer>`;
  }
}

document.documentElement.lang = language;
render(html`<${App} />`, document.getElementById("console"));
