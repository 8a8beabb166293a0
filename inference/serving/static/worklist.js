// The worklist: 2,000 slides are filtered and sorted as data; only the rows that are scrolled to are made.
import { ask, chip, close, dialog, inWords, isCommand, make, newId, onLanguage, reader, role, show, showHelp, t } from "./page.js";

const CHUNK = 60;
const body = document.querySelector("#slides tbody");
const scroll = document.querySelector(".scroll");
const search = document.getElementById("search");
const kept = (() => { try { return JSON.parse(sessionStorage.getItem("unmissed-list")) || {}; } catch { return {}; } })();
const view = { state: kept.state || "all", disposition: kept.disposition || "", sort: kept.sort || "", down: kept.down || false };
search.value = kept.search || "";
let slides = [], readers = [], shown = [], made = 0, chosen = 0;

const STATES = {
  all: () => true,
  to_read: (one) => !one.error && (one.status === "" || one.status === "open"),
  left: (one) => STATES.to_read(one) || ["yours", "waits"].includes(one.second),
  mine: (one) => one.holder === reader && STATES.left(one),
  open: (one) => one.status === "open",
  signed_off: (one) => one.status === "signed",
  differing: (one) => one.status === "differing",
  yours: (one) => one.second === "yours",
};
const COLUMNS = ["rank", "slide", "disposition", "score", "grade", "findings", "adequacy", "status", "holder", "signed", "reader", "second"];

const stateName = (one) => one.status === "" ? "to_read" : one.status === "signed" ? "signed_off" : one.status;

const compare = (a, b) => {
  const [x, y] = [a[view.sort], b[view.sort]];
  if (x === y) return a.order - b.order;
  if (x == null || x === "") return 1;
  if (y == null || y === "") return -1;
  return (typeof x === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true })) * (view.down ? -1 : 1);
};

const row = (one, index) => {
  const line = make("tr", { "data-index": index, class: index === chosen ? "on" : null, onclick: () => go(one) },
    make("td", { class: "number" }, one.rank ?? "–"),
    make("td", { class: "name" }, make("a", { href: address(one), tabindex: -1 }, one.slide),
      one.unlike ? make("small", { title: t("unlike") }, " ⚠ ", t("unlike")) : null,
      one.error ? make("small", { class: "alarm", title: one.error }, one.error) : null),
    make("td", {}, t(one.disposition)),
    make("td", { class: "number" }, one.score == null ? "–" : one.score.toFixed(3)),
    make("td", {}, one.grade ? chip(one.grade) : "–"),
    make("td", { class: "number" }, one.findings),
    make("td", {}, one.adequacy ? t(one.adequacy) : "–"),
    make("td", { class: `state ${one.status || "new"}` }, one.error ? "–" : t(stateName(one))),
    make("td", {}, one.error ? "–" : make("button", { type: "button", class: "holder", tabindex: -1, title: `${t("holder_help")} (T)`, onclick: (event) => { event.stopPropagation(); choose(index); give(one); } }, one.holder || t("nobody"))),
    make("td", {}, one.signed ? chip(one.signed) : "–"),
    make("td", {}, one.reader || "–"),
    make("td", {}, one.second ? t(one.second) : "–"));
  return line;
};

const address = (one) => `/slide/${one.key}${view.state === "yours" ? "?round=second" : ""}`;
const go = (one) => { if (!one.error) location.href = address(one); };

/** Take a slide, give it back, or, as a reviewer, give it to somebody else. */
const give = async (one) => {
  let to = one.holder === reader ? "" : reader;
  if (role !== "reader" && readers.length > 1) {
    const name = await show(make("h2", {}, t("give_title", one.slide)), make("div", { class: "chips" },
      ...["", ...readers].map((each) => make("button", { type: "button", "aria-pressed": String(each === one.holder), onclick: () => close(`to ${each}`) }, each || t("nobody")))));
    if (!name.startsWith("to ")) return;
    to = name.slice(3);
  }
  const round = STATES.to_read(one) ? "first" : "second";
  const { status, body } = await ask(`/api/slide/${one.key}/events?round=${round}`, { id: newId(), kind: "assign", to }).catch(() => ({ status: 0, body: {} }));
  if (status !== 200) { await show(...inWords(body).map((line) => make("p", {}, line))); return; }
  one.holder = to;
  draw();
};

const fill = () => {
  if (made >= shown.length) return;
  const part = shown.slice(made, made + CHUNK).map((one, index) => row(one, made + index));
  made += part.length;
  body.append(...part);
};

const draw = () => {
  const wanted = search.value.trim().toLowerCase();
  const matches = slides.filter((one) => !wanted || one.slide.toLowerCase().includes(wanted));
  shown = matches.filter((one) => STATES[view.state](one) && (!view.disposition || one.disposition === view.disposition));
  if (view.sort) shown.sort(compare);
  chosen = Math.min(chosen, Math.max(0, shown.length - 1));
  made = 0;
  body.replaceChildren();
  while (made < Math.min(shown.length, Math.max(CHUNK, chosen + 20))) fill();
  document.getElementById("none").hidden = shown.length > 0;
  document.getElementById("count").textContent = t("count", shown.length, slides.length, slides.filter(STATES.to_read).length);
  chips("states", Object.keys(STATES).filter((name) => name !== "left").map((name) => [name, t(name), slides.filter(STATES[name]).length]), "state");
  const names = [...new Set(slides.map((one) => one.disposition))];
  chips("dispositions", names.length > 1 ? names.map((name) => [name, t(name), slides.filter((one) => one.disposition === name).length]) : [], "disposition");
  document.getElementById("columns").replaceChildren(...COLUMNS.map((name) => make("th",
    { "aria-sort": view.sort === name ? (view.down ? "descending" : "ascending") : null, class: ["rank", "score", "findings"].includes(name) ? "number" : null },
    make("button", { type: "button", onclick: () => sortBy(name) }, t(name)))));
  try { sessionStorage.setItem("unmissed-list", JSON.stringify({ ...view, search: search.value })); } catch { /* private mode */ }
};

const chips = (place, list, field) => document.getElementById(place).replaceChildren(...list
  .filter(([name, , count]) => count || name === view[field])
  .map(([name, label, count]) => make("button", {
    type: "button", "aria-pressed": String(view[field] === name), "data-name": name,
    onclick: () => { view[field] = field === "disposition" && view[field] === name ? "" : name; chosen = 0; draw(); },
  }, label, make("b", {}, count))));

const sortBy = (name) => {
  if (view.sort === name && view.down) view.sort = "", view.down = false;
  else view.down = view.sort === name, view.sort = name;
  draw();
};

const choose = (index) => {
  chosen = Math.max(0, Math.min(shown.length - 1, index));
  while (made <= chosen && made < shown.length) fill();
  for (const line of body.querySelectorAll("tr.on")) line.classList.remove("on");
  const line = body.children[chosen];
  line?.classList.add("on");
  line?.scrollIntoView({ block: "nearest" });
};

scroll.addEventListener("scroll", () => { if (scroll.scrollTop + scroll.clientHeight > scroll.scrollHeight - 800) fill(); });
search.addEventListener("input", () => { chosen = 0; draw(); });
document.addEventListener("keydown", (event) => {
  if (event.target === search && !event.isComposing && ["Enter", "ArrowDown", "Escape"].includes(event.code)) { search.blur(); event.preventDefault(); return; }
  if (!isCommand(event) && !(event.repeat && event.code.startsWith("Arrow") && !dialog.open)) return;
  if (event.code === "ArrowDown" || event.code === "ArrowUp") { choose(chosen + (event.code === "ArrowDown" ? 1 : -1)); event.preventDefault(); }
  else if (event.code === "Enter" && !event.target.closest("button, a")) { if (shown[chosen]) go(shown[chosen]); }
  else if (event.key.toLowerCase() === "t") { if (shown[chosen] && !shown[chosen].error) give(shown[chosen]); }
  else if (event.key === "/") { search.focus(); event.preventDefault(); }
  else if (event.key === "?") showHelp();
});

const { status, body: answer } = await ask("/api/worklist");
if (status === 200) {
  readers = answer.readers;
  slides = answer.slides.map((one, order) => ({ ...one, order }));
  onLanguage(draw);
  const next = shown.findIndex(STATES.to_read);
  if (next > 0) choose(next);
} else document.getElementById("none").replaceChildren(...inWords(answer).map((line) => make("p", {}, line)));
document.documentElement.dataset.ready = "1";
