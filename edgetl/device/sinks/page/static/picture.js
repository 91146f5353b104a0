// Draws the live picture: reads a multipart stream and draws the latest complete part onto a canvas.

const HEAD_END = [13, 10, 13, 10];

export class Picture {
  /** `canvas` gets the pictures; `shownAt` is the time of the last one, in ms of performance.now(). */
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
        // app.js shows that the connection is lost; here it is only opened again.
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  async #read(reader, signal) {
    let received = new Uint8Array(0);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const [jpeg, rest] = latestPicture(concatenate(received, value));
      received = rest;
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

/** Returns the last complete picture in the bytes, or null, and the bytes after it. */
function latestPicture(bytes) {
  let jpeg = null;
  for (;;) {
    const start = endOfHead(bytes);
    if (start < 0) return [jpeg, bytes];
    const head = new TextDecoder().decode(bytes.subarray(0, start));
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1]);
    const next = start + length + 2;
    if (!(bytes.length >= next)) return [jpeg, bytes]; // also if the length is not a number
    jpeg = bytes.slice(start, start + length);
    bytes = bytes.subarray(next);
  }
}

function endOfHead(bytes) {
  for (let at = 0; at + 4 <= bytes.length; at += 1) {
    if (HEAD_END.every((byte, index) => bytes[at + index] === byte)) return at + 4;
  }
  return -1;
}

function concatenate(first, second) {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
