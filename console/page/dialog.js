// dialog.js asks before something that cannot be undone.
import { t } from "./text.js";
import { Component, Problem, createRef, html } from "./view.js";

// Dialog shows its children and calls act with the note, if it asks for one. It stays open while act runs, and with the message
// of a Failure that act throws; otherwise it closes. It calls close then, and if it is dismissed. The browser keeps the focus inside,
// closes it on Escape and gives the focus back.
export class Dialog extends Component {
  state = { busy: false, problem: "" };
  element = createRef();

  componentDidMount() {
    this.element.current.showModal();
  }

  submit = async (event) => {
    event.preventDefault();
    if (this.state.busy) return;
    this.setState({ busy: true, problem: "" });
    try {
      await this.props.act(event.target.elements.note?.value ?? "");
      if (!this.element.current) return; // the reader has gone elsewhere
      this.setState({ busy: false }, () => {
        this.element.current.close();
        document.querySelector("h1").focus(); // the button that had the focus may be gone
      });
    } catch (failure) {
      this.setState({ busy: false, problem: failure.message });
    }
  };

  dismiss = () => this.state.busy || this.element.current.close();

  cancelled = (event) => this.state.busy && event.preventDefault();

  // closed opens it again if it was closed before there is an outcome: a browser obeys a second Escape whatever cancelled does.
  closed = () => (this.state.busy ? this.element.current.showModal() : this.props.close());

  render({ title, action, danger, note, children }, { busy, problem }) {
    return html`
      <dialog ref=${this.element} onCancel=${this.cancelled} onClose=${this.closed} aria-labelledby="question">
        <form onSubmit=${this.submit}>
          <h2 id="question">${title}</h2>
          ${children}
          ${note && html`<label>${t("note")}<input name="note" maxlength="200" autocomplete="off" /></label>`}
          <${Problem} text=${problem} />
          <div class="buttons">
            <button type="button" aria-disabled=${busy} onClick=${this.dismiss}>${t("back")}</button>
            <button class=${danger ? "danger" : "main"} aria-disabled=${busy}>${busy ? t("loading") : action}</button>
          </div>
        </form>
      </dialog>`;
  }
}
