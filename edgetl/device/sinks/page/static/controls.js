// The controls for the threshold and the classes: they act at once, and show what another viewer sets.

import { colour, element } from "./dom.js";

const MIN_CLASSES_FOR_SEARCH = 13; // a shorter list needs no search field
const HOLD = 1500; // ms after a person's last change in which settings from the device are ignored

export class Controls {
  /** `showMessage` takes a line for the viewer if the device refuses a setting. */
  constructor(showMessage) {
    this.showMessage = showMessage;
    this.ownThreshold = 0; // the mean of the model's own thresholds
    this.ownThresholds = []; // the model's own threshold of each class
    this.changedAt = -Infinity;
    this.sending = false;
    this.unsent = null; // changes for the next request
    this.threshold = document.getElementById("threshold");
    this.boxes = new Map(); // label to checkbox
    this.threshold.addEventListener("input", () => this.set({ threshold: Number(this.threshold.value) }));
    document.getElementById("own").addEventListener("click", () => this.set({ threshold: null }));
    document.getElementById("all").addEventListener("click", () => this.set({ classes: null }));
    document.getElementById("none").addEventListener("click", () => this.set({ classes: [] }));
    document.getElementById("search").addEventListener("input", (event) => this.#search(event.target.value));
  }

  /** Loads the model's name, its classes and the present settings. */
  async load() {
    const response = await fetch("/api/settings", { cache: "no-store" });
    if (!response.ok) throw new Error(`settings: ${response.status}`);
    const settings = await response.json();
    this.ownThreshold = settings.own_threshold;
    this.ownThresholds = settings.own_thresholds;
    document.getElementById("model").textContent = settings.name;
    document.title = `${settings.name} · edgetl live`;
    this.#listClasses(settings.labels);
    this.show(settings);
  }

  #listClasses(labels) {
    const list = document.getElementById("classes");
    list.replaceChildren();
    this.boxes.clear();
    labels.forEach((label, id) => {
      const box = element("input", { type: "checkbox" });
      box.addEventListener("change", () => this.set({ classes: this.#chosen() }));
      const dot = element("span", { className: "dot" });
      dot.style.setProperty("--colour", colour(id));
      const threshold = this.#haveOwn() ? percent(this.ownThresholds[id]) : "";
      const own = element("span", { className: "own dim", textContent: threshold });
      const line = element("label", {}, box, dot, element("span", { textContent: label }), own);
      list.append(element("li", {}, line));
      this.boxes.set(label, box);
    });
    const many = labels.length >= MIN_CLASSES_FOR_SEARCH;
    document.getElementById("search").hidden = !many;
    document.getElementById("search-label").hidden = !many;
  }

  /** The labels whose boxes are ticked; null if all are. */
  #chosen() {
    const chosen = [...this.boxes].filter(([, box]) => box.checked).map(([label]) => label);
    return chosen.length === this.boxes.size ? null : chosen;
  }

  /** Whether the classes have different thresholds. */
  #haveOwn() {
    return new Set(this.ownThresholds).size > 1;
  }

  /** The threshold as text: one percentage, or the range of the classes' own thresholds. */
  #thresholdText(threshold) {
    if (threshold !== null || !this.#haveOwn()) return percent(threshold ?? this.ownThreshold);
    const lowest = Math.round(Math.min(...this.ownThresholds) * 100);
    return `${lowest} to ${percent(Math.max(...this.ownThresholds))}`;
  }

  #search(text) {
    for (const [label, box] of this.boxes) {
      box.closest("li").hidden = !label.toLowerCase().includes(text.trim().toLowerCase());
    }
  }

  /** Shows settings from the device, unless the viewer is changing them. */
  follow(settings) {
    if (!this.sending && performance.now() - this.changedAt > HOLD) this.show(settings);
  }

  show({ threshold, classes }) {
    const shown = this.#thresholdText(threshold);
    this.threshold.value = threshold ?? this.ownThreshold;
    this.threshold.setAttribute("aria-valuetext", shown);
    document.getElementById("threshold-shown").textContent = shown;
    const own = document.getElementById("own-note");
    own.textContent = this.#haveOwn() ? "The model's own threshold of each class." : "The model's own threshold.";
    own.hidden = threshold !== null;
    document.getElementById("classes").toggleAttribute("data-own", threshold === null);
    document.getElementById("own").hidden = threshold === null;
    for (const [label, box] of this.boxes) box.checked = classes === null || classes.includes(label);
    document.getElementById("classes-shown").textContent = countText(classes);
    document.getElementById("all").hidden = classes === null;
    document.getElementById("none").hidden = classes !== null && classes.length === 0;
    this.present = { threshold, classes };
  }

  /** Sends a change; changes made during a request are sent together in the next one. */
  async set(change) {
    this.changedAt = performance.now();
    this.show({ ...this.present, ...change });
    this.unsent = { ...this.unsent, ...change };
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.unsent) {
        const body = JSON.stringify(this.unsent);
        this.unsent = null;
        await this.#send(body);
      }
    } finally {
      this.sending = false;
    }
  }

  async #send(body) {
    try {
      const headers = { "Content-Type": "application/json" };
      const response = await fetch("/api/settings", { method: "POST", headers, body });
      const answer = await response.json();
      if (!response.ok) this.showMessage(answer.error);
      else if (!this.unsent) this.show(answer);
    } catch {
      this.showMessage("The device did not accept the setting.");
    }
  }
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** The number of chosen classes as text. */
function countText(classes) {
  if (classes === null) return "all";
  return classes.length ? `${classes.length} chosen` : "none";
}
