// The whole slide, small: what has been looked at closely is clear, the rest is veiled.
import { ask } from "./page.js";

const LONG = 48; // cells along the longer side
const CLOSE_UM = 1.1; // micrometres a screen pixel: a nucleus has about 8 pixels
const DWELL_MS = 350;
const WIDTH = 190;

export class Overview {
  constructor(canvas, viewer, findings, slide, address, query) {
    Object.assign(this, { canvas, viewer, findings, slide, address, query });
    const long = Math.max(slide.width_px, slide.height_px);
    this.columns = Math.max(1, Math.round(LONG * slide.width_px / long));
    this.rows = Math.max(1, Math.round(LONG * slide.height_px / long));
    this.seen = BigInt("0x" + (slide.looked || "0"));
    this.saved = this.seen;
    canvas.width = Math.min(WIDTH, 170 * slide.width_px / slide.height_px) * 2;
    canvas.height = canvas.width * slide.height_px / slide.width_px;
    canvas.style.width = `${canvas.width / 2}px`;
    this.picture = new Image();
    this.picture.src = address("thumbnail.jpg");
    this.picture.decode().then(() => { this.cells = this.withCells(); this.draw(); }).catch(() => {});
    viewer.osd.addHandler("update-viewport", () => this.moved());
    setInterval(() => this.look(), DWELL_MS);
    canvas.addEventListener("pointerdown", (event) => this.go(event));
    canvas.addEventListener("pointermove", (event) => { if (event.buttons) this.go(event); });
  }

  go(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    this.viewer.glide((event.clientX - left) / width * this.slide.width_px, (event.clientY - top) / height * this.slide.height_px);
  }

  moved() {
    this.still = performance.now();
    this.draw();
  }

  /** Cells whose picture is not plain glass. */
  withCells() {
    const small = document.createElement("canvas");
    [small.width, small.height] = [this.columns * 4, this.rows * 4];
    const pen = small.getContext("2d", { willReadFrequently: true });
    pen.drawImage(this.picture, 0, 0, small.width, small.height);
    const { data } = pen.getImageData(0, 0, small.width, small.height);
    const found = new Set();
    for (let y = 0; y < small.height; y++)
      for (let x = 0; x < small.width; x++) {
        const at = 4 * (y * small.width + x);
        if (Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 14 || data[at + 1] < 200)
          found.add((y >> 2) * this.columns + (x >> 2));
      }
    return found;
  }

  /** Share of the cells' area that was looked at, 0 to 1. */
  get share() {
    const cells = this.cells?.size ? [...this.cells] : [...Array(this.columns * this.rows).keys()];
    return cells.filter((cell) => this.seen >> BigInt(cell) & 1n).length / cells.length;
  }

  look() {
    if (document.hidden || !this.viewer.osd.world.getItemCount() || performance.now() - (this.still || 0) < DWELL_MS) return;
    if (this.viewer.umPerPx > CLOSE_UM) return;
    const { x, y, width, height } = this.viewer.bounds;
    const [across, down] = [this.slide.width_px / this.columns, this.slide.height_px / this.rows];
    let seen = this.seen;
    // A cell counts when its middle was in sight, or when the sight lies within it.
    const from = (start, size) => Math.max(0, Math.floor(start / size + 0.5)), to = (end, size, most) => Math.min(most - 1, Math.ceil(end / size - 0.5) - 1);
    for (let row = from(y, down); row <= to(y + height, down, this.rows); row++)
      for (let column = from(x, across); column <= to(x + width, across, this.columns); column++)
        seen |= 1n << BigInt(row * this.columns + column);
    if (seen === this.seen) return;
    this.seen = seen;
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), 1500);
  }

  save() {
    if (this.seen === this.saved) return;
    const now = this.seen;
    ask(this.query("looked"), { cells: now.toString(16) }).then(() => { this.saved = now; }).catch(() => {});
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  paint() {
    const { canvas, slide } = this, pen = canvas.getContext("2d");
    const scale = canvas.width / slide.width_px;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (this.picture.complete && this.picture.naturalWidth) pen.drawImage(this.picture, 0, 0, canvas.width, canvas.height);
    const [w, h] = [canvas.width / this.columns, canvas.height / this.rows];
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--veil");
    for (let cell = 0; cell < this.columns * this.rows; cell++)
      if (!(this.seen >> BigInt(cell) & 1n))
        pen.fillRect(Math.floor(cell % this.columns * w), Math.floor(Math.floor(cell / this.columns) * h), Math.ceil(w), Math.ceil(h));
    if (!this.findings.hidden)
      for (const one of this.findings.list.slice(0, 3000)) {
        pen.fillStyle = this.findings.colours(one);
        pen.fillRect(one.x * scale - 2, one.y * scale - 2, 4, 4);
      }
    if (!this.viewer.osd.world.getItemCount()) return;
    const view = this.viewer.bounds;
    pen.strokeStyle = "#f0a500";
    pen.lineWidth = 3;
    const size = [Math.max(6, view.width * scale), Math.max(6, view.height * scale)];
    pen.strokeRect(view.x * scale - Math.max(0, 6 - view.width * scale) / 2, view.y * scale - Math.max(0, 6 - view.height * scale) / 2, ...size);
  }
}
