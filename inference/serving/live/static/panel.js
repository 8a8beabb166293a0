// Beside the picture: gauge, clocks, map of the sites or time line, events.
import { clock, pick, say } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const el = (id) => document.getElementById(id);
const COLOURS = { green: "#3fae6a", amber: "#e0a11b", red: "#e5484d", grey: "#4a5157", not_assessed: "#6b7780" };
const MOST_EVENTS = 60;

let plan = null, places = new Map(), seen = new Set(), events = [], line = null, lastState = null, caecum = null;

export function setPlan(given) {
  if (plan) { plan = given; relabel(); return; }
  plan = given;
  places = new Map();
  el("gauge").hidden = !plan.speed;
  const drawing = el("drawing");
  drawing.replaceChildren();
  for (const view of plan.views) drawing.append(drawn(view));
  if (!plan.views.length && plan.organ === "stomach") drawing.append(listed());
  if (plan.organ === "colon") {
    line = document.createElement("canvas");
    line.width = 600; line.height = 64;
    drawing.append(line);
  }
  relabel();
}

function node(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function drawn(view) {
  const drawing = node("svg", { viewBox: `20 0 450 ${view.height}`, role: "img" });
  drawing.append(node("path", { class: "inside", d: view.inside }), node("path", { class: "outline", d: view.outline }));
  for (const place of view.places) {
    const group = node("g", { class: "place" });
    group.append(place.path ? node("path", { d: place.path }) : node("rect", { x: place.x - place.width / 2, y: place.y - 15, width: place.width, height: 30, rx: 15 }));
    group.append(node("text", { x: place.x, y: place.y + 5 }, place.code));
    places.set(place.code, group);
    drawing.append(group);
  }
  for (const region of view.regions) {
    const name = node("text", { x: region.x, y: region.y, class: "region" });
    name.words = region.words;
    drawing.append(name);
  }
  return drawing;
}

function listed() {
  const list = document.createElement("div");
  list.className = "chips";
  for (const site of plan.sites) {
    const chip = document.createElement("span");
    chip.className = "place";
    chip.textContent = site.code;
    places.set(site.code, chip);
    list.append(chip);
  }
  return list;
}

export function relabel() {
  if (!plan) return;
  el("title").textContent = pick(plan.title);
  el("map-title").textContent = say(plan.organ === "colon" ? "colon" : "sites");
  for (const name of document.querySelectorAll(".region")) name.textContent = pick(name.words);
  showMissing();
  showEvents();
  if (lastState) show(lastState);
}

function showMissing() {
  if (plan.organ === "colon") { el("count").textContent = caecum === null ? "" : `${say("caecum")} ${clock(caecum)}`; el("missing").textContent = ""; return; }
  if (!plan.assessed && !seen.size) { el("count").textContent = ""; el("missing").textContent = say("unassessed"); return; }
  el("count").textContent = `${seen.size}/${plan.sites.length}`;
  const left = plan.sites.filter((site) => !seen.has(site.code)).map((site) => `${site.code} ${pick(site.words)}`);
  el("missing").textContent = left.length ? say("missing", left.join(" · ")) : say("complete");
}

export function show(state) {
  lastState = state;
  const gauge = el("gauge");
  gauge.dataset.state = state.state;
  el("speed-word").textContent = say(state.state) + (state.speed === null ? "" : ` · ${Math.round(state.speed)}`);
  el("needle").style.width = `${state.speed ?? 0}%`;
  showClocks(state.clocks);
  if (state.clocks.caecum !== caecum) { caecum = state.clocks.caecum; showMissing(); }
  if (state.seen.length !== seen.size) setSeen(state.seen);
  if (line) draw(state);
}

function showClocks(times) {
  const minimum = plan.minimum_of, box = el("clocks");
  const rows = [["examination", times.examination, minimum === "examination"], ["effective", times.effective, false], ["therapy_clock", times.therapy, false]];
  if (minimum === "withdrawal") rows.unshift(["withdrawal", times.withdrawal, true]);
  box.replaceChildren(...rows.map(([name, seconds, isMain]) => {
    const row = document.createElement("div");
    row.className = isMain ? "clock first" : "clock";
    const title = document.createElement("span"), time = document.createElement("b"), goal = document.createElement("small");
    title.textContent = say(name);
    time.textContent = seconds === null ? "–" : clock(seconds);
    if (isMain) {
      goal.textContent = say("minimum", clock(plan.minimum_s)) + (plan.aim_s ? `, ${say("aim", clock(plan.aim_s))}` : "");
      row.dataset.reached = seconds !== null && seconds >= plan.minimum_s ? (plan.aim_s && seconds < plan.aim_s ? "minimum" : "aim") : "no";
    }
    row.append(title, time, goal);
    return row;
  }));
}

let columns = [];
function draw(state) {
  const column = Math.floor(state.t);
  columns[column] = columns[column] === "red" ? "red" : state.state;
  const pen = line.getContext("2d"), from = caecum === null ? 0 : Math.floor(caecum);
  const long = Math.max(plan.aim_s || plan.minimum_s, columns.length - from), step = line.width / long;
  pen.fillStyle = "#14181a";
  pen.fillRect(0, 0, line.width, line.height);
  for (let at = from; at < columns.length; at++) {
    if (!columns[at]) continue;
    pen.fillStyle = COLOURS[columns[at]];
    const high = { red: 56, amber: 42, green: 28 }[columns[at]] ?? 14;
    pen.fillRect((at - from) * step, 60 - high, Math.max(1, step), high);
  }
  pen.fillStyle = "#e2e6e8";
  pen.fillRect(plan.minimum_s * step, 0, 2, line.height);
}

export function setSeen(codes) {
  seen = new Set(codes);
  for (const [code, place] of places) place.classList.toggle("seen", seen.has(code));
  showMissing();
}

export function pastEvents(list) { events = list; showEvents(); }
export function addEvent(event) { events = [...events.slice(-MOST_EVENTS), event]; showEvents(); }

function showEvents() {
  el("events").replaceChildren(...events.slice(-MOST_EVENTS).reverse().map((event) => {
    const row = document.createElement("li"), at = document.createElement("time");
    at.textContent = clock(event.t);
    row.dataset.event = event.event;
    row.append(at, pick(event.words));
    return row;
  }));
}
