// The button that takes a photo; only the page of `edgetl capture` has it.

export class PhotoButton {
  /** `showMessage` takes a line for the viewer. */
  constructor(showMessage) {
    this.showMessage = showMessage;
    this.button = document.getElementById("take");
    this.button.addEventListener("click", () => this.#press());
  }

  /** Shows the button with the number of photos; without `state` the page belongs to a run, which takes none. */
  follow(state) {
    if (!state) return;
    this.button.hidden = false;
    this.button.textContent = `Take photo of ${state.label} (${state.taken} taken)`;
    document.getElementById("side").hidden = true; // results and thresholds are a model's
  }

  async #press() {
    try {
      const response = await fetch("/api/photo", { method: "POST" });
      this.showMessage(response.ok ? "" : (await response.json()).error);
    } catch {
      this.showMessage("The device does not answer.");
    }
  }
}
