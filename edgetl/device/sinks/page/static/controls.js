// What counts: the threshold and the classes, set at once, and followed where someone else sets them.

import { colour, element } from "./dom.js";

const SEARCH_FROM = 13; // classes; fewer are seen at a glance
const QUIET = 1500; // ms after a person's last touch in which others' settings wait

export class Controls {
  /** `tell` takes a line for people where the device refuses. */
  constructor(tell) {
    this.tell = tell;
    this.own = 0;
    this.each = []; // the model's own threshold of each class
    this.touched = -Infinity;
    this.sending = false;
    this.wanted = null;
    this.threshold = document.getElementById("threshold");
    this.boxes = new Map();
    this.threshold.addEventListener("input", () => this.set({ threshold: Number(this.threshold.value) }));
    document.getElementById("own").addEventListener("click", () => this.set({ threshold: null }));
    document.getElementById("all").addEventListener("click", () => this.set({ classes: null }));
    document.getElementById("none").addEventListener("click", () => this.set({ classes: [] }));
    document.getElementById("search").addEventListener("input", (event) => this.#search(event.target.value));
  }

  /** Asks the device what there is to choose from. */
  async load() {
    const response = await fetch("/api/settings", { cache: "no-store" });
    if (!response.ok) throw new Error(`settings: ${response.status}`);
    const found = await response.json();
    this.own = found.own_threshold;
    this.each = found.own_thresholds;
    document.getElementById("model").textContent = found.name;
    document.title = `${found.name} · edgetl live`;
    this.#list(found.labels);
    this.show(found);
    return found;
  }

  #list(labels) {
    const list = document.getElementById("classes");
    list.replaceChildren();
    this.boxes.clear();
    labels.forEach((label, id) => {
      const box = element("input", { type: "checkbox" });
      box.addEventListener("change", () => this.set({ classes: this.#chosen() }));
      const dot = element("span", { className: "dot" });
      dot.style.setProperty("--colour", colour(id));
      const own = element("span", { className: "own dim", textContent: this.#differ() ? percent(this.each[id]) : "" });
      const line = element("label", {}, box, dot, element("span", { textContent: label }), own);
      list.append(element("li", {}, line));
      this.boxes.set(label, box);
    });
    const many = labels.length >= SEARCH_FROM;
    document.getElementById("search").hidden = !many;
    document.getElementById("search-label").hidden = !many;
  }

  /** The labels whose boxes are ticked; null where all are. */
  #chosen() {
    const chosen = [...this.boxes].filter(([, box]) => box.checked).map(([label]) => label);
    return chosen.length === this.boxes.size ? null : chosen;
  }

  /** Whether the classes have thresholds of their own. */
  #differ() {
    return new Set(this.each).size > 1;
  }

  /** The threshold in words: one, or from where to where the classes' own are. */
  #words(threshold) {
    if (threshold !== null || !this.#differ()) return percent(threshold ?? this.own);
    return `${Math.round(Math.min(...this.each) * 100)} to ${percent(Math.max(...this.each))}`;
  }

  #search(text) {
    for (const [label, box] of this.boxes) {
      box.closest("li").hidden = !label.toLowerCase().includes(text.trim().toLowerCase());
    }
  }

  /** Shows settings that the device told, unless a person is just changing them. */
  follow(settings) {
    if (!this.sending && performance.now() - this.touched > QUIET) this.show(settings);
  }

  show({ threshold, classes }) {
    const shown = this.#words(threshold);
    this.threshold.value = threshold ?? this.own;
    this.threshold.setAttribute("aria-valuetext", shown);
    document.getElementById("threshold-shown").textContent = shown;
    const own = document.getElementById("own-told");
    own.textContent = this.#differ() ? "The model's own, one for each class." : "The model's own.";
    own.hidden = threshold !== null;
    document.getElementById("classes").toggleAttribute("data-own", threshold === null);
    document.getElementById("own").hidden = threshold === null;
    for (const [label, box] of this.boxes) box.checked = classes === null || classes.includes(label);
    document.getElementById("classes-shown").textContent = counted(classes);
    document.getElementById("all").hidden = classes === null;
    document.getElementById("none").hidden = classes !== null && classes.length === 0;
    this.now = { threshold, classes };
  }

  /** Sets what changed; while a request is under way the changes gather for the next one. */
  async set(change) {
    this.touched = performance.now();
    this.show({ ...this.now, ...change });
    this.wanted = { ...this.wanted, ...change };
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.wanted) {
        const body = JSON.stringify(this.wanted);
        this.wanted = null;
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
      if (!response.ok) this.tell(answer.error);
      else if (!this.wanted) this.show(answer);
    } catch {
      this.tell("The device did not take the setting.");
    }
  }
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** How many classes count, in words. */
function counted(classes) {
  if (classes === null) return "all";
  return classes.length ? `${classes.length} chosen` : "none";
}
