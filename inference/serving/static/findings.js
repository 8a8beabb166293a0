// Findings on a canvas of our own over the slide: a grid index finds those in sight, a sprite a class draws them.
const CELL_PX = 2048; // side of an index cell, level-0 pixels
const BOX_FROM = 22; // screen pixels from which a finding is drawn as a box and no longer as a dot
const LARGEST_UM = 26; // of a box: the cell; what the model looked at is larger, and boxes would lie over each other

export class Findings {
  constructor(viewer, colours) {
    this.viewer = viewer;
    this.colours = colours;
    this.grid = new Map();
    this.list = [];
    this.hidden = false;
    this.current = null;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "marks";
    viewer.osd.canvas.append(this.canvas);
    for (const name of ["update-viewport", "resize", "open"]) viewer.osd.addHandler(name, () => this.draw());
  }

  set(list) {
    this.list = list;
    this.grid = new Map();
    for (const one of list) this.index(one);
    this.draw();
  }

  add(one) { this.list.push(one); this.index(one); this.draw(); }

  index(one) {
    const key = `${Math.floor(one.x / CELL_PX)} ${Math.floor(one.y / CELL_PX)}`;
    if (!this.grid.has(key)) this.grid.set(key, []);
    this.grid.get(key).push(one);
  }

  /** Those whose centre is in a rectangle. */
  within({ x, y, width, height }) {
    const cells = Math.ceil(width / CELL_PX + 1) * Math.ceil(height / CELL_PX + 1);
    if (cells > this.grid.size) return this.list.filter((one) => one.x >= x && one.x <= x + width && one.y >= y && one.y <= y + height);
    const found = [];
    for (let row = Math.floor(y / CELL_PX); row <= Math.floor((y + height) / CELL_PX); row++)
      for (let column = Math.floor(x / CELL_PX); column <= Math.floor((x + width) / CELL_PX); column++)
        for (const one of this.grid.get(`${column} ${row}`) || []) found.push(one);
    return found;
  }

  /** The finding under a point of the screen, or the nearest within a few pixels. */
  at(point) {
    const { x, y } = this.viewer.toImage(point.x, point.y);
    const reach = Math.max(200, 14 * this.viewer.umPerPx / this.viewer.slide.um_per_px);
    let best = null, least = Infinity;
    for (const one of this.within({ x: x - reach, y: y - reach, width: 2 * reach, height: 2 * reach })) {
      const distance = Math.max(Math.abs(one.x - x), Math.abs(one.y - y));
      if (distance < least && distance <= Math.max(one.box / 2, 14 * this.viewer.umPerPx / this.viewer.slide.um_per_px)) [best, least] = [one, distance];
    }
    return best;
  }

  draw() {
    const { osd } = this.viewer;
    if (!osd.world.getItemCount()) return;
    const ratio = devicePixelRatio || 1;
    const { x: width, y: height } = osd.viewport.getContainerSize();
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.hidden) return;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const origin = this.viewer.toScreen(0, 0);
    const scale = this.viewer.slide.um_per_px / this.viewer.umPerPx;
    const { x, y, width: w, height: h } = this.viewer.bounds;
    const seen = this.within({ x: x - 500, y: y - 500, width: w + 1000, height: h + 1000 });
    for (const one of seen) if (one !== this.current) this.one(pen, one, origin, scale, false);
    if (this.current) this.one(pen, this.current, origin, scale, true);
  }

  one(pen, one, origin, scale, chosen) {
    const x = origin.x + one.x * scale, y = origin.y + one.y * scale, side = Math.min(one.box, LARGEST_UM / this.viewer.slide.um_per_px) * scale;
    if (side < BOX_FROM && !chosen) { pen.drawImage(this.dot(one), x - 8, y - 8, 16, 16); return; }
    const half = Math.max(side, BOX_FROM) / 2 + 3, arm = Math.min(half * 0.55, 22);
    const corners = new Path2D();
    for (const [a, b] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
      corners.moveTo(x + a * (half - arm), y + b * half);
      corners.lineTo(x + a * half, y + b * half);
      corners.lineTo(x + a * half, y + b * (half - arm));
    }
    pen.setLineDash(one.verdict === "rejected" ? [4, 4] : []);
    for (const [colour, thick] of [["rgb(255 255 255 / .9)", chosen ? 6 : 4], [this.colours(one), chosen ? 3 : 1.8]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.stroke(corners);
    }
    pen.setLineDash([]);
    const sign = { confirmed: "✓", regraded: "✓", rejected: "✕", added: "+" }[one.verdict] || "";
    if (!chosen && !sign) return;
    const label = `${sign ? sign + " " : ""}${one.verdict === "rejected" ? one.ai || one.class_id : one.class_id}`;
    pen.font = "600 12px system-ui, sans-serif";
    const long = pen.measureText(label).width + 10;
    pen.fillStyle = this.colours(one);
    pen.fillRect(x - half, y - half - 20, long, 17);
    pen.fillStyle = "#fff";
    pen.fillText(label, x - half + 5, y - half - 7);
  }

  /** A dot of a class and verdict, drawn once: round when open, square when judged. */
  dot(one) {
    const key = `${one.class_id} ${one.verdict || ""}`;
    this.dots ||= new Map();
    if (!this.dots.has(key)) {
      const sprite = document.createElement("canvas");
      sprite.width = sprite.height = 32;
      const pen = sprite.getContext("2d");
      pen.fillStyle = this.colours(one);
      pen.strokeStyle = "#fff";
      pen.lineWidth = 3;
      pen.beginPath();
      if (one.verdict) pen.rect(9, 9, 14, 14); else pen.arc(16, 16, 8, 0, 7);
      if (one.verdict !== "rejected") pen.fill();
      pen.stroke();
      if (one.verdict === "rejected") { pen.strokeStyle = this.colours(one); pen.lineWidth = 2; pen.stroke(); }
      this.dots.set(key, sprite);
    }
    return this.dots.get(key);
  }
}
