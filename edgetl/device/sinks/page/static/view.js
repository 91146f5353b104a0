// Shows the results, the figures and the events of the run as text.

import { colour, element, write } from "./dom.js";

const MAX_RESULTS = 8;
const MAX_EVENTS = 50;
const numberFormat = new Intl.NumberFormat("en");

/** Lists a classifier's classes, or a detector's objects by class. */
export function showResults(result) {
  const rows = result.task === "classification" ? result.classes.map(rowOfClass) : rowsOfObjects(result.objects);
  const list = document.getElementById("results");
  const shown = rows.slice(0, MAX_RESULTS);
  while (list.children.length > Math.max(shown.length, 1)) list.lastChild.remove();
  if (!shown.length) {
    list.replaceChildren(element("li", { className: "dim", textContent: emptyText(result) }));
    return;
  }
  shown.forEach((row, index) => {
    if (!list.children[index]?.querySelector(".share")) {
      list.children[index]?.remove();
      list.insertBefore(emptyRow(), list.children[index] ?? null);
    }
    fill(list.children[index], row);
  });
}

function emptyText(result) {
  return result.task === "classification" ? "No class recognised." : "Nothing found.";
}

function rowOfClass({ label, class_id, score }) {
  return { id: class_id, name: label, score };
}

function rowsOfObjects(objects) {
  const byClass = new Map();
  for (const { label, class_id, score } of objects) {
    const row = byClass.get(class_id) ?? { id: class_id, name: label, score: 0, count: 0 };
    row.count += 1;
    row.score = Math.max(row.score, score);
    byClass.set(class_id, row);
  }
  return [...byClass.values()].sort((a, b) => a.id - b.id);
}

function emptyRow() {
  const parts = ["dot", "name", "score", "share"].map((className) => element("span", { className }));
  return element("li", {}, ...parts);
}

function fill(row, { id, name, score, count }) {
  const [dot, nameCell, scoreCell, share] = row.children;
  const percent = `${Math.round(score * 100)} %`;
  const text = count > 1 ? `${name} × ${count}` : name;
  if (nameCell.textContent !== text) nameCell.textContent = text;
  scoreCell.textContent = percent;
  dot.style.setProperty("--colour", colour(id));
  share.style.setProperty("--share", percent.replace(" ", ""));
}

/** Shows the figures of the run. */
export function showFigures(status) {
  const { age, invoke } = status.stages;
  write("fps", status.fps.toFixed(1));
  write("age50", age ? milliseconds(age.p50) : "–");
  write("age95", age ? milliseconds(age.p95) : "–");
  write("invoke", invoke ? milliseconds(invoke.p50) : "–");
  write("frames", numberFormat.format(status.frames));
  write("dropped", numberFormat.format(status.dropped));
  write("reconnects", numberFormat.format(status.reconnects));
  write("celsius", status.celsius === null ? "–" : `${status.celsius.toFixed(0)} °C`, status.celsius >= 80 ? "bad" : "");
  write("throttled", status.throttled === null ? "–" : status.throttled ? "yes" : "no", status.throttled ? "bad" : "");
}

function milliseconds(value) {
  return value < 1000 ? `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`;
}

/** Adds an event on top of the list. */
export function addEvent(event) {
  const at = new Date(event.time * 1000);
  const time = element("time", { dateTime: at.toISOString(), textContent: at.toLocaleTimeString("en-GB") });
  const list = document.getElementById("events");
  list.prepend(element("li", {}, time, element("span", { textContent: event.text })));
  while (list.children.length > MAX_EVENTS) list.lastChild.remove();
  document.getElementById("no-events").hidden = true;
}

export function clearEvents() {
  document.getElementById("events").replaceChildren();
}
