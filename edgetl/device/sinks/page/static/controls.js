// What counts: the threshold and the classes, set at once, and followed where someone else sets them.

import { colour, element } from "./dom.js";

const SEARCH_FROM = 13; // classes; fewer are seen at a glance
const QUIET = 1500; // ms after a person's last touch in which others' settings wait

export class Controls {
  /** `tell` takes a line for people where the device refuses. */
  constructor(tell) {
    this.tell = tell;
    this.own = 0;
    this.touched = -Infinity;
    this.sending = false;
    this.wanted = null;
    this.threshold = document.getElementById("threshold");
    this.boxes = new Map();
    this.threshold.addEventListener("input", () => this.set({ threshold: Number(this.threshold.value) }));
    document.getElementById("own").addEventListener("click", () => this.set({ threshold: null }));
    document.getElementById("all").addEventListener("click", () => this.set({ classes: [] }));
    document.getElementById("search").addEventListener("input", (event) => this.#search(event.target.value));
  }

  /** Asks the device what there is to choose from. */
  async load() {
    const response = await fetch("/api/settings", { cache: "no-store" });
    if (!response.ok) throw new Error(`settings: ${response.status}`);
    const found = await response.json();
    this.own = found.own_threshold;
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
      const line = element("label", {}, box, dot, element("span", { textContent: label }));
      list.append(element("li", {}, line));
      this.boxes.set(label, box);
    });
    const many = labels.length >= SEARCH_FROM;
    document.getElementById("search").hidden = !many;
    document.getElementById("search-label").hidden = !many;
  }

  #chosen() {
    return [...this.boxes].filter(([, box]) => box.checked).map(([label]) => label);
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
    const value = threshold ?? this.own;
    const shown = `${Math.round(value * 100)} %`;
    this.threshold.value = value;
    this.threshold.setAttribute("aria-valuetext", shown);
    document.getElementById("threshold-shown").textContent = shown;
    document.getElementById("own-told").hidden = threshold !== null;
    document.getElementById("own").hidden = threshold === null;
    for (const [label, box] of this.boxes) box.checked = classes.includes(label);
    document.getElementById("classes-shown").textContent = classes.length ? `${classes.length} chosen` : "all";
    document.getElementById("all").hidden = classes.length === 0;
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
