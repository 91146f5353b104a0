// Joins the picture, the results and the controls of the live page, and shows what is wrong.

import { Controls } from "./controls.js";
import { write } from "./dom.js";
import { PhotoButton } from "./photo_button.js";
import { Picture } from "./picture.js";
import { addEvent, clearEvents, showFigures, showResults } from "./view.js";

const MAX_SILENCE = 3500; // ms without a message: then the connection counts as lost
const MAX_PICTURE_AGE = 2; // s since the last frame: then the picture counts as old
const MAX_RESULT_AGE = 1500; // ms, p95: then the results count as late
const MAX_PICTURE_GAP = 6000; // ms without a picture although frames come: then the stream is restarted

const picture = new Picture(document.getElementById("picture"));
const controls = new Controls(showMessage);
const photoButton = new PhotoButton(showMessage);
let paused = false;
let status = null;
let messageAt = performance.now(); // when the last message came, ms
let streamStartedAt = performance.now();
let source = null;

function showMessage(text) {
  write("message", text);
}

function listen() {
  source = new EventSource("/api/results");
  source.addEventListener("open", clearEvents);
  source.addEventListener("status", (event) => {
    messageAt = performance.now();
    status = JSON.parse(event.data);
    showFigures(status);
    controls.follow(status.settings);
    photoButton.follow(status.photo_button);
    showState();
  });
  source.addEventListener("result", (event) => {
    if (!paused) showResults(JSON.parse(event.data));
  });
  source.addEventListener("event", (event) => addEvent(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    // The browser reconnects by itself after a lost connection, but not after a refusal.
    if (source?.readyState === EventSource.CLOSED) setTimeout(reconnect, 2000);
  });
}

async function reconnect() {
  if (!source) return;
  const answer = await fetch("/healthz", { cache: "no-store" }).catch(() => null);
  if (answer?.status === 401) location.assign("/"); // another run, which needs its own token
  source?.close();
  if (!document.hidden) listen();
}

/** The most severe problem: its kind, its name in a word or two, and a sentence over the picture. */
function findState() {
  const silence = performance.now() - messageAt;
  if (silence > MAX_SILENCE) return ["bad", "No connection", "The device does not answer. Trying again …"];
  if (!status) return ["wait", "Connecting", ""];
  const pictureAge = status.seconds_since_frame + silence / 1000;
  const ago = `${Math.round(pictureAge)} s ago`;
  if (!status.frames && !status.connected) return ["wait", "Waiting for the camera", "No picture has come yet."];
  if (status.stalled || !status.connected) {
    return ["bad", "Camera lost", `The camera is lost: its last picture came ${ago}. edgetl keeps trying to reach it.`];
  }
  if (pictureAge > MAX_PICTURE_AGE) return ["warn", "Picture is old", `This picture is old: it came ${ago}.`];
  if (paused) return ["warn", "Paused", ""];
  if (status.stages.age?.p95 > MAX_RESULT_AGE) return ["warn", "Results are late", ""];
  return ["live", "Live", ""];
}

function showState() {
  const [kind, name, sentence] = findState();
  write("state", name, kind);
  write("notice", sentence);
  document.getElementById("notice").hidden = !sentence;
  document.querySelector(".frame").toggleAttribute("data-old", kind === "bad" || name === "Picture is old");
  const gap = performance.now() - Math.max(picture.shownAt, streamStartedAt);
  if (picture.running && kind === "live" && gap > MAX_PICTURE_GAP) restartStream();
}

function restartStream() {
  streamStartedAt = performance.now();
  picture.restart();
}

function togglePause() {
  paused = !paused;
  const button = document.getElementById("pause");
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Resume" : "Pause";
  if (paused) picture.stop();
  else restartStream();
  showState();
}

async function saveSnapshot() {
  try {
    const response = await fetch("/api/snapshot.jpg", { cache: "no-store" });
    if (!response.ok) throw new Error(await response.text());
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `edgetl-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.jpg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    showMessage(`Saved ${link.download}`);
  } catch (error) {
    showMessage(`No snapshot: ${error.message.trim()}`);
  }
}

/** Closes all connections while the page is hidden, and opens them when it is visible again. */
function followVisibility() {
  if (document.hidden) {
    picture.stop();
    source?.close();
    source = null;
    return;
  }
  messageAt = performance.now();
  if (!source) listen();
  if (!paused) restartStream();
}

async function begin() {
  document.getElementById("pause").addEventListener("click", togglePause);
  document.getElementById("snapshot").addEventListener("click", saveSnapshot);
  document.addEventListener("visibilitychange", followVisibility);
  setInterval(showState, 500);
  followVisibility();
  for (;;) {
    try {
      await controls.load();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

begin();
