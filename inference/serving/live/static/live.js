// The live page: pictures and words from one socket, painted as they come; keys and pedals; signs that say what is not well.
import * as panel from "./panel.js";
import * as sound from "./sound.js";
import { isChinese, label, say } from "./words.js";

const el = (id) => document.getElementById(id);
const FULL_MS = 120, GONE_MS = 400; // age of a box: drawn in full, not drawn any more
const SILENT_MS = 1000, TURN_MS = 100, AGAIN_MS = 300, HELD_MS = 400;
const seconds = () => performance.now();
const live = window.live = { time: 0, most: 3000, latencies: [], painted: 0, gaps: [], tones: sound.latencies, boxAges: [], ai: null, aiChanges: [] };

let socket = null, facts = { ai: false, source: ["", ""], not_written: "" }, header = null, state = null, plan = null;
let frozen = false, paintedAt = 0, started = false, lock = null, heard = -1;

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/screen`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = (message) => typeof message.data === "string" ? told(JSON.parse(message.data)) : picture(message.data);
  socket.onclose = () => { socket = null; signs(); setTimeout(connect, AGAIN_MS); };
}
const send = (text) => socket?.readyState === WebSocket.OPEN && socket.send(text);

async function decoded(bytes) {
  if (!self.ImageDecoder) return createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  const decoder = new ImageDecoder({ data: bytes, type: "image/jpeg" });
  try { return (await decoder.decode()).image; } finally { decoder.close(); }
}

async function picture(data) {
  const length = new DataView(data).getUint32(0, true);
  const words = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  try {
    const image = await decoded(new Uint8Array(data, 4 + length));
    if (!header || words.n > header.n) paint(words, image);
    image.close();
  } catch { /* a damaged picture: the next one comes */ }
  send("painted");
}

function paint(words, image) {
  const now = seconds();
  header = words;
  live.time = words.t;
  if (paintedAt) live.gaps.push(now - paintedAt);
  paintedAt = now;
  live.painted++;
  if (!frozen) {
    const canvas = el("picture"), width = image.displayWidth || image.width, height = image.displayHeight || image.height;
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; fit(); }
    canvas.getContext("2d", { alpha: false, desynchronized: true }).drawImage(image, 0, 0);
    boxes();
  }
  const after = new MessageChannel(); // after the frame was handed to the screen
  after.port1.onmessage = () => {
    live.latencies.push(performance.timeOrigin + performance.now() - words.at);
    after.port1.close();
  };
  if (document.hidden) after.port2.postMessage(0);
  else requestAnimationFrame(() => after.port2.postMessage(0));
}

function fit() {
  const picture = el("picture"), over = el("boxes"), room = el("stage").getBoundingClientRect();
  const share = Math.min(room.width / picture.width, room.height / picture.height);
  for (const canvas of [picture, over]) { canvas.style.width = `${picture.width * share}px`; canvas.style.height = `${picture.height * share}px`; }
  over.width = Math.round(picture.width * share); over.height = Math.round(picture.height * share);
  boxes();
}

function boxes() {
  const canvas = el("boxes"), pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const age = state && header && state.box_t !== null ? 1000 * Math.max(0, header.t - state.box_t) : Infinity;
  const isShown = state?.alert && age <= GONE_MS && aiOn();
  el("alert").hidden = !(state?.alert && header && header.t - state.t < 1 && aiOn());
  if (!el("alert").hidden) { el("alert").textContent = say(state.mild ? "mild" : "risk"); el("alert").classList.toggle("mild", state.mild); }
  if (!isShown || !state.boxes.length) return;
  live.boxAges.push(age);
  pen.globalAlpha = age <= FULL_MS ? 1 : 1 - (age - FULL_MS) / (GONE_MS - FULL_MS);
  pen.strokeStyle = state.mild ? "#e8c547" : "#ff3b30";
  pen.lineWidth = 4;
  for (const box of state.boxes) pen.strokeRect(box.x * canvas.width, box.y * canvas.height, box.w * canvas.width, box.h * canvas.height);
}

const aiOn = () => Boolean(facts.ai && (header ? header.ai : true));

function told(words) {
  if (words.kind === "state") { state = words; if (plan) panel.show(words); if (!frozen) boxes(); }
  else if (words.kind === "event") {
    if (words.number <= heard) return;
    heard = words.number;
    panel.addEvent(words);
    if (words.sound) sound.alarm(words.sound, words.at - performance.timeOrigin);
  } else if (words.kind === "past") { heard = words.events.at(-1)?.number ?? heard; panel.pastEvents(words.events); }
  else if (words.kind === "plan") { plan = words; panel.setPlan(words); document.querySelector("[data-command=caecum]").hidden = words.organ !== "colon"; }
  else if (words.kind === "facts") { facts = words; if (plan && words.over && words.seen) panel.setSeen(words.seen); signs(); }
  else if (words.kind === "photo") remark(words.name ? "photo_kept" : "photo_lost");
  else if (words.kind === "clip" && words.name) remark("clip_kept");
}

function sign(id, text, tone, detail = "") { // the detail is what the system said, in its own words
  const one = el(id);
  if (one.textContent !== text) one.textContent = text;
  one.dataset.tone = tone;
  one.title = detail;
}

function signs() {
  const on = aiOn(), silent = seconds() - paintedAt;
  if (live.ai !== on) { live.ai = on; live.aiChanges.push([Date.now(), on]); if (!on && !facts.over && state) sound.alarm("off"); boxes(); }
  sign("ai", facts.over ? "" : say(on ? "ai_on" : facts.ai_lives <= 1 && !state ? "ai_starting" : "ai_off"), on ? "good" : "bad");
  const isLost = paintedAt ? silent > SILENT_MS : facts.source[0] === "lost";
  if (!socket || socket.readyState > 1) sign("source", say("link"), "bad");
  else if (facts.over || facts.ending) sign("source", say(facts.over ? "over" : "ending"), "good");
  else if (isLost) sign("source", paintedAt ? say("lost", Math.round(silent / 1000)) : say("none"), "bad", facts.source[1]);
  else sign("source", facts.source[0] === "black" ? say("black") : "", "warn");
  sign("written", facts.not_written ? say("not_written") : "", "bad", facts.not_written);
  el("mute").textContent = say(!started ? "sound_not" : sound.muted ? "sound_off" : "sound_on");
  el("mute").dataset.tone = started && !sound.muted ? "good" : "warn";
  document.querySelector("[data-command=therapy]").classList.toggle("on", Boolean(facts.therapy));
  document.body.classList.toggle("over", Boolean(facts.over));
  const recent = live.latencies.slice(-50).sort((a, b) => a - b), rate = live.gaps.slice(-25).reduce((sum, gap) => sum + gap, 0) / Math.min(25, live.gaps.length || 1);
  el("pace").textContent = recent.length ? say("pace", Math.round(1000 / rate), Math.round(recent[recent.length >> 1])) : "";
  for (const list of [live.latencies, live.gaps, live.boxAges, live.tones]) if (list.length > live.most) list.splice(0, live.most / 2);
}

let remarkTimer = 0;
function remark(name) {
  el("said").textContent = say(name);
  clearTimeout(remarkTimer);
  remarkTimer = setTimeout(() => { el("said").textContent = ""; }, 4000);
}

async function start() {
  await sound.unlock();
  started = true;
  try { lock = await navigator.wakeLock.request("screen"); } catch { lock = null; }
  remark(lock ? "started" : "start_bare");
  signs();
}

const lastPressed = {};
function act(name) {
  if (seconds() - (lastPressed[name] ?? -1e9) < HELD_MS) return; // a pedal that bounces
  lastPressed[name] = seconds();
  if (name === "start") start();
  else if (name === "freeze") { frozen = !frozen; el("still").hidden = !frozen; el("still").textContent = say("frozen"); }
  else if (name === "end") { if (!facts.over && !el("ask").open) el("ask").showModal(); }
  else send(name);
}

function relabel() {
  label();
  for (const button of document.querySelectorAll("footer [data-key]")) {
    const key = document.createElement("kbd");
    key.textContent = button.dataset.key.toUpperCase();
    button.replaceChildren(say(button.dataset.command || button.id), key);
  }
  el("really").textContent = say("really");
  el("language").textContent = isChinese() ? "English" : "中文";
  panel.relabel();
  signs();
}

addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return; // a pedal that is held down
  if (el("ask").open) { if (event.key === "Enter") { event.preventDefault(); end(); } return; }
  const button = document.querySelector(`footer [data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (button) act(button.dataset.command || button.id);
  if (event.key.toLowerCase() === "m") { sound.mute(); signs(); }
});
for (const button of document.querySelectorAll("footer button")) button.addEventListener("click", (event) => { event.currentTarget.blur(); act(button.dataset.command || button.id); });
function end() { el("ask").close(); send("end"); }
el("really").addEventListener("click", end);
el("go-on").addEventListener("click", () => el("ask").close());
el("mute").addEventListener("click", () => { if (started) sound.mute(); else start(); signs(); });
el("source").addEventListener("click", () => { if (facts.over) location.href = `/examination/${plan.examination}`; });
el("language").addEventListener("click", () => {
  document.documentElement.lang = isChinese() ? "en" : "zh-Hans";
  try { localStorage.setItem("unmissed-language", isChinese() ? "zh" : "en"); } catch { /* for this page only */ }
  relabel();
});
addEventListener("resize", fit);
document.addEventListener("visibilitychange", async () => { if (!document.hidden && started) try { lock = await navigator.wakeLock.request("screen"); } catch { lock = null; } });
setInterval(signs, TURN_MS);
relabel();
connect();
