// The live picture: parts of a multipart stream onto a canvas, always the newest that has come.

const HEAD_END = [13, 10, 13, 10];

export class Picture {
  /** The canvas gets the pictures; `shownAt` is when the last one came, in ms of performance.now(). */
  constructor(canvas) {
    this.canvas = canvas;
    this.shownAt = 0;
    this.shown = 0;
    this.abort = null;
  }

  get running() {
    return this.abort !== null;
  }

  start() {
    if (this.running) return;
    this.abort = new AbortController();
    this.#run(this.abort.signal);
  }

  stop() {
    this.abort?.abort();
    this.abort = null;
  }

  restart() {
    this.stop();
    this.start();
  }

  async #run(signal) {
    while (!signal.aborted) {
      try {
        const response = await fetch("/api/stream.mjpg", { signal, cache: "no-store" });
        if (response.ok) await this.#read(response.body.getReader(), signal);
      } catch {
        // The page says what is wrong; here it is only tried again.
      }
      if (!signal.aborted) await new Promise((again) => setTimeout(again, 1000));
    }
  }

  async #read(reader, signal) {
    let held = new Uint8Array(0);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      held = joined(held, value);
      const [jpeg, rest] = newest(held);
      held = rest;
      if (jpeg) await this.#show(jpeg, signal);
    }
  }

  async #show(jpeg, signal) {
    const image = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    if (!signal.aborted) {
      if (this.canvas.width !== image.width || this.canvas.height !== image.height) {
        this.canvas.width = image.width;
        this.canvas.height = image.height;
      }
      this.canvas.getContext("2d").drawImage(image, 0, 0);
      this.shownAt = performance.now();
      this.shown += 1;
      this.canvas.dataset.shown = this.shown;
    }
    image.close();
  }
}

/** The last whole picture in the bytes, and the bytes after it. */
function newest(held) {
  let jpeg = null;
  for (;;) {
    const end = headEnd(held);
    if (end < 0) return [jpeg, held];
    const head = new TextDecoder().decode(held.subarray(0, end));
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1]);
    const last = end + length + 2;
    if (!(held.length >= last)) return [jpeg, held];
    jpeg = held.slice(end, end + length);
    held = held.subarray(last);
  }
}

function headEnd(held) {
  for (let at = 0; at + 4 <= held.length; at += 1) {
    if (HEAD_END.every((byte, index) => held[at + index] === byte)) return at + 4;
  }
  return -1;
}

function joined(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
