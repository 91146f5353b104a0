// The live page: joins the picture, what the run tells, and the controls, and says plainly when something is wrong.

import { Controls } from "./controls.js";
import { write } from "./dom.js";
import { Picture } from "./picture.js";
import { addEvent, clearEvents, showFigures, showResults } from "./view.js";

const SILENT = 3500; // ms without a word from the device
const OLD = 2; // s since the last frame
const LATE = 1500; // ms of a result's age
const STUCK = 6000; // ms without a picture although frames come

const picture = new Picture(document.getElementById("picture"));
const controls = new Controls(tell);
let paused = false;
let status = null;
let heardAt = performance.now();
let startedAt = performance.now();
let source = null;

function tell(text) {
  write("told", text);
}

function listen() {
  source = new EventSource("/api/results");
  source.addEventListener("open", clearEvents);
  source.addEventListener("status", (event) => {
    heardAt = performance.now();
    status = JSON.parse(event.data);
    showFigures(status);
    controls.follow(status.settings);
    judge();
  });
  source.addEventListener("result", (event) => {
    if (!paused) showResults(JSON.parse(event.data));
  });
  source.addEventListener("event", (event) => addEvent(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    // A refusal closes it for good; a lost connection is tried again by itself.
    if (source?.readyState === EventSource.CLOSED) setTimeout(relisten, 2000);
  });
}

async function relisten() {
  if (!source) return;
  const answer = await fetch("/healthz", { cache: "no-store" }).catch(() => null);
  if (answer?.status === 401) location.assign("/"); // another run, which wants its own token
  source?.close();
  if (!document.hidden) listen();
}

/** What is wrong, worst first: how bad, in a word or two, and in a sentence for the picture. */
function trouble() {
  const quiet = performance.now() - heardAt;
  if (quiet > SILENT) return ["bad", "No connection", "The device does not answer. Trying again …"];
  if (!status) return ["wait", "Connecting", ""];
  const silence = status.seconds_since_frame + quiet / 1000;
  const ago = `${Math.round(silence)} s ago`;
  if (!status.frames && !status.connected) return ["wait", "Waiting for the camera", "No picture has come yet."];
  if (status.stalled || !status.connected) {
    return ["bad", "Camera lost", `The camera is lost: its last picture came ${ago}. edgetl keeps trying to reach it.`];
  }
  if (silence > OLD) return ["warn", "Picture is old", `This picture is old: it came ${ago}.`];
  if (paused) return ["warn", "Paused", ""];
  if (status.stages.age?.p95 > LATE) return ["warn", "Results are late", ""];
  return ["live", "Live", ""];
}

function judge() {
  const [kind, word, sentence] = trouble();
  write("state", word, kind);
  write("notice", sentence);
  document.getElementById("notice").hidden = !sentence;
  document.querySelector(".frame").toggleAttribute("data-old", kind === "bad" || word === "Picture is old");
  const since = performance.now() - Math.max(picture.shownAt, startedAt);
  if (picture.running && kind === "live" && since > STUCK) look();
}

function look() {
  startedAt = performance.now();
  picture.restart();
}

function pause() {
  paused = !paused;
  const button = document.getElementById("pause");
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Go on" : "Pause";
  if (paused) picture.stop();
  else look();
  judge();
}

async function snapshot() {
  try {
    const response = await fetch("/api/snapshot.jpg", { cache: "no-store" });
    if (!response.ok) throw new Error(await response.text());
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `edgetl-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.jpg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    tell(`Saved ${link.download}`);
  } catch (error) {
    tell(`No snapshot: ${error.message.trim()}`);
  }
}

/** Nobody looks at a hidden page: it asks for nothing. */
function attend() {
  if (document.hidden) {
    picture.stop();
    source?.close();
    source = null;
    return;
  }
  heardAt = performance.now();
  if (!source) listen();
  if (!paused) look();
}

async function begin() {
  document.getElementById("pause").addEventListener("click", pause);
  document.getElementById("snapshot").addEventListener("click", snapshot);
  document.addEventListener("visibilitychange", attend);
  setInterval(judge, 500);
  attend();
  for (;;) {
    try {
      await controls.load();
      return;
    } catch {
      await new Promise((again) => setTimeout(again, 2000));
    }
  }
}

begin();
