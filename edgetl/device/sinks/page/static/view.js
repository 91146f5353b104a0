// What the run tells, as text: results, figures, events.

import { colour, element, write } from "./dom.js";

const MOST_RESULTS = 8;
const MOST_EVENTS = 50;
const number = new Intl.NumberFormat("en");

/** The list of what is seen: a classifier's classes, or a detector's objects by class. */
export function showResults(result) {
  const rows = result.task === "classification" ? result.classes.map(single) : counted(result.objects);
  const list = document.getElementById("results");
  const shown = rows.slice(0, MOST_RESULTS);
  while (list.children.length > Math.max(shown.length, 1)) list.lastChild.remove();
  if (!shown.length) {
    list.replaceChildren(element("li", { className: "dim", textContent: empty(result) }));
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

function empty(result) {
  return result.task === "classification" ? "Nothing known." : "Nothing found.";
}

function single({ label, class_id, score }) {
  return { id: class_id, name: label, score };
}

function counted(objects) {
  const byClass = new Map();
  for (const { label, class_id, score } of objects) {
    const row = byClass.get(class_id) ?? { id: class_id, name: label, score: 0, count: 0 };
    row.count += 1;
    row.score = Math.max(row.score, score);
    byClass.set(class_id, row);
  }
  return [...byClass.values()].sort((one, other) => one.id - other.id);
}

function emptyRow() {
  const parts = ["dot", "name", "score", "share"].map((className) => element("span", { className }));
  return element("li", {}, ...parts);
}

function fill(row, { id, name, score, count }) {
  const [dot, named, scored, share] = row.children;
  const percent = `${Math.round(score * 100)} %`;
  const text = count > 1 ? `${name} × ${count}` : name;
  if (named.textContent !== text) named.textContent = text;
  scored.textContent = percent;
  dot.style.setProperty("--colour", colour(id));
  share.style.setProperty("--share", percent.replace(" ", ""));
}

/** The figures of the run. */
export function showFigures(told) {
  const { age, invoke } = told.stages;
  write("fps", told.fps.toFixed(1));
  write("age50", age ? milliseconds(age.p50) : "–");
  write("age95", age ? milliseconds(age.p95) : "–");
  write("invoke", invoke ? milliseconds(invoke.p50) : "–");
  write("frames", number.format(told.frames));
  write("dropped", number.format(told.dropped));
  write("reconnects", number.format(told.reconnects));
  write("celsius", told.celsius === null ? "–" : `${told.celsius.toFixed(0)} °C`, told.celsius >= 80 ? "bad" : "");
  write("throttled", told.throttled === null ? "–" : told.throttled ? "yes" : "no", told.throttled ? "bad" : "");
}

function milliseconds(value) {
  return value < 1000 ? `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`;
}

/** Adds an event on top of the list. */
export function addEvent(told) {
  const at = new Date(told.time * 1000);
  const time = element("time", { dateTime: at.toISOString(), textContent: at.toLocaleTimeString("en-GB") });
  const list = document.getElementById("events");
  list.prepend(element("li", {}, time, element("span", { textContent: told.text })));
  while (list.children.length > MOST_EVENTS) list.lastChild.remove();
  document.getElementById("no-events").hidden = true;
}

export function clearEvents() {
  document.getElementById("events").replaceChildren();
}
