// The page of a slide: what the keys do, and what is decided, shown at once and sent behind the reader's back.
import { ask, chip, close, dialog, inChinese, inWords, isCommand, make, newId, onLanguage, percent, reader, show, showHelp, t } from "./page.js";
import { Findings } from "./findings.js";
import { Gallery } from "./gallery.js";
import { Marks } from "./marks.js";
import { Overview } from "./overview.js";
import { Queue } from "./queue.js";
import { Viewer, ruler } from "./viewer.js";

const POLL_MS = 4000, AHEAD = 3, OWN_BOX_UM = 40;
const GRADES = ["NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC", "AGC", "AIS", "ADC"]; // keys 1 to 9; 0 is UNSAT
const key = location.pathname.split("/").pop();
const round = new URLSearchParams(location.search).get("round") === "second" ? "second" : "first";
const query = (what) => `/api/slide/${key}/${what}?round=${round}`;
const $ = (id) => document.getElementById(id);
const message = (...lines) => { $("message").hidden = !lines.length; $("message").replaceChildren(...lines.map((line) => make("p", {}, line))); };

const answer = await ask(`/api/slide/${key}?round=${round}`).catch(() => ({ status: 0, body: {} }));
if (answer.status === 200) await start(answer.body);
else {
  message(...inWords(answer.body));
  document.addEventListener("keydown", (event) => { if (event.code === "Escape") location.href = "/"; });
}
document.documentElement.dataset.ready = "1";

async function start(slide) {
  document.title = `${slide.slide} · Unmissed`;
  $("name").textContent = slide.slide;
  const layer = (name) => `/layer/${key}/${slide.sha256.slice(0, 16)}/${name}`;
  const cropOf = (one) => `/crop/${key}/${slide.sha256.slice(0, 16)}/${Math.round(one.x)}/${Math.round(one.y)}/${Math.round(Math.min(4096, Math.max(one.box * 1.6, 24 / slide.um_per_px)))}.jpg`;
  const viewer = new Viewer($("viewer"), slide, key);
  const colours = (one) => one.verdict === "rejected" ? "#6b747c" : getComputedStyle(probe(one.class_id)).getPropertyValue("--c");
  const known = new Map();
  const probe = (name) => document.querySelector(`.probe.c-${CSS.escape(name)}`) || document.body.appendChild(make("i", { class: `probe c-${name}`, hidden: true }));
  const cached = (one) => { const name = one.verdict === "rejected" ? "-" : one.class_id; if (!known.has(name)) known.set(name, colours(one)); return known.get(name); };
  const findings = new Findings(viewer, cached);
  const gallery = new Gallery($("gallery"), $("filter"), cropOf, (one) => choose(one || list()[0]));
  const overview = new Overview($("overview"), viewer, findings, slide, layer, query);
  const undoable = [], marks = new Marks(reader), refusedSigns = new Set();
  let state = slide.state, current = null, pointer = null, adding = false, order = [];

  const queue = new Queue(`unmissed-queue ${slide.sha256} ${round} ${reader}`, query("events"), {
    changed: (count, offline) => {
      $("saved").className = offline ? "alarm" : "";
      $("saved").textContent = offline === "login" ? t("log_in_again") : offline === "trouble" ? t("waiting_desk", count) : offline ? t("waiting", count) : count ? t("sending") : t("saved");
    },
    answered: (event, body) => { state.revision = Math.max(state.revision, body.revision); },
    troubled: (body) => { if (body) message(...inWords(body)); else draw(); },
    refused: async (event, body) => {
      if (event.kind === "sign") refusedSigns.add(event.id); // before anything waits: signing goes on to the next slide
      await reload();
      await differ(event, body);
    },
  });

  // What is shown: the AI's findings, with what has been decided laid over them.
  const aiClasses = new Map(slide.findings.map(([x, y, , ai]) => [`${x.toFixed(2)},${y.toFixed(2)}`, ai]));
  const aiClass = (place) => aiClasses.get(place) || "";
  const lay = (one) => {
    const mark = marks.map.get(one.place);
    return Object.assign(one, { verdict: mark?.verdict || "", class_id: mark?.class_id || one.ai, reader: mark?.reader, note: mark?.note || "" });
  };
  const added = (mark) => lay({ place: mark.place, x: mark.x_px, y: mark.y_px, box: mark.box_px, ai: mark.ai_class, probability: mark.ai_probability || 1, own: true });
  const take = (now) => { state = now; marks.set(now.marks, queue.list, aiClass); };
  const build = () => {
    const list = slide.findings.map(([x, y, box, ai, probability, abnormal]) => {
      const place = `${x.toFixed(2)},${y.toFixed(2)}`;
      return { place, x, y, box, ai, class_id: ai, probability, abnormal, verdict: "", note: "" };
    });
    const byPlace = new Map(list.map((one) => [one.place, one]));
    for (const mark of marks.map.values()) {
      if (!byPlace.has(mark.place)) list.push(added(mark));
      else lay(byPlace.get(mark.place));
    }
    order = Gallery.order(list);
    const before = current?.place;
    current = order.find((one) => one.place === before) || null;
    findings.current = current;
    findings.set(order);
    gallery.current = current;
    gallery.set(order);
    draw();
  };
  const list = () => gallery.only ? order.filter((one) => (one.ai || one.class_id) === gallery.only) : order;

  const reload = async () => {
    const { status, body } = await ask(query("state"));
    if (status === 200) { take(body); build(); }
  };

  const choose = (one, move = true) => {
    if (!one) return;
    performance.mark("key");
    current = one;
    findings.current = one;
    gallery.mark(one);
    if (move) { viewer.jump(one.x, one.y); painted(); }
    findings.draw();
    drawCurrent();
    const all = list(), at = all.indexOf(one);
    setTimeout(() => viewer.prefetch(all.slice(at + 1, at + 1 + AHEAD)), 100); // once this place is drawn
  };
  // For measuring: from the key to the frame in which every tile of the place is drawn.
  const painted = () => {
    const wait = () => requestAnimationFrame(() => viewer.item.getFullyLoaded() ? setTimeout(() => performance.measure("jump", "key")) : wait());
    wait();
  };
  const step = (by) => { const all = list(), at = all.indexOf(current); choose(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + by))]); };
  const onward = () => {
    const all = list(), at = all.indexOf(current);
    const next = all.slice(at + 1).find((one) => !one.verdict) || all.find((one) => !one.verdict);
    if (next) choose(next); else { findings.draw(); drawCurrent(); }
  };

  const send = (kind, more = {}) => {
    const event = { id: newId(), kind, base: state.revision, ...more };
    marks.apply(event, aiClass);
    queue.push(event);
    return event;
  };
  const decide = (kind, class_id) => {
    if (!current || isSigned()) return current ? null : step(1);
    performance.mark("decide");
    const one = current;
    const event = send(kind, { place: one.place, ...(class_id && { class_id }) });
    undoable.push({ id: event.id, place: one.place });
    gallery.refresh(lay(one));
    counts();
    performance.measure("class", "decide");
    onward();
  };
  const counts = () => {
    for (const button of $("filter").children) {
      const left = order.filter((one) => (one.ai || one.class_id) === button.dataset.class && !one.verdict).length;
      button.lastChild.textContent = left;
      const heading = $("gallery").querySelector(`[data-left="${button.dataset.class}"]`);
      if (heading) heading.textContent = left ? t("left_here", left) : "✓";
    }
  };
  const undo = () => {
    const last = undoable.pop();
    if (!last || isSigned()) return;
    send("undo", { undone: last.id, ...(last.place && { place: last.place }) });
    if (last.added) {
      order = order.filter((one) => one.place !== last.place);
      current = null; findings.current = null; gallery.current = null;
      findings.set(order); gallery.set(order); draw();
      return;
    }
    const one = order.find((each) => each.place === last.place);
    gallery.refresh(lay(one));
    counts();
    choose(one);
  };
  const add = (class_id) => {
    adding = false;
    $("ask").hidden = true;
    const { x, y } = addedAt;
    const box = OWN_BOX_UM / slide.um_per_px;
    const event = send("add", { class_id, x_px: +x.toFixed(2), y_px: +y.toFixed(2), box_px: +box.toFixed(2) });
    const one = added(marks.map.get(`own-${event.id}`));
    undoable.push({ id: event.id, place: one.place, added: true });
    order = Gallery.order([...order, one]);
    findings.set(order);
    gallery.set(order);
    choose(one, false);
    drawKeys();
  };
  let addedAt = null;
  const askClass = () => {
    if (isSigned()) return;
    const size = viewer.osd.viewport.getContainerSize();
    addedAt = viewer.toImage(pointer?.x ?? size.x / 2, pointer?.y ?? size.y / 2);
    if (addedAt.x < 0 || addedAt.y < 0 || addedAt.x > slide.width_px || addedAt.y > slide.height_px) return;
    adding = true;
    $("ask").hidden = false;
    $("ask").replaceChildren(make("p", {}, t("ask_class")), make("div", { class: "chips" }, ...grades((name) => add(name)).slice(0, 9)));
  };
  const grades = (chosen, now) => [...GRADES, "UNSAT"].map((name, index) => make("button", {
    type: "button", class: `c-${name}`, "aria-pressed": String(name === now), "data-class": name, onclick: () => chosen(name),
  }, make("kbd", {}, (index + 1) % 10), make("i", {}), name));

  const note = async () => {
    const text = make("textarea", { rows: 5, maxlength: 2000 });
    text.value = current?.note || "";
    text.addEventListener("keydown", (event) => { if (event.code === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) close("keep"); });
    const what = await show(make("h2", {}, t("note_title"), " ", current ? chip(current.class_id) : slide.slide), text, make("p", { class: "soft" }, t("note_hint")),
      make("p", { class: "row" }, make("button", { type: "button", onclick: () => close() }, t("cancel")), make("button", { type: "button", class: "main", onclick: () => close("keep") }, t("keep"))));
    if (what !== "keep") return;
    send("note", { note: text.value.trim(), ...(current?.verdict && { place: current.place }) });
    if (current) lay(current);
    drawCurrent();
  };

  const isSigned = () => state.status !== "open";
  const suggestion = () => {
    const found = order.filter((one) => one.verdict && one.verdict !== "rejected").map((one) => one.class_id);
    return ["SCC", "ADC", "AIS", "HSIL", "AGC", "ASC-H", "LSIL", "ASC-US"].find((name) => found.includes(name)) || "NILM";
  };
  const sign = async (force = "") => {
    let grade = force || suggestion();
    const undecided = order.filter((one) => !one.verdict).length;
    const choices = make("div", { class: "chips grades" });
    const fill = () => choices.replaceChildren(...grades((name) => { grade = name; fill(); }, grade));
    fill();
    const pick = (event) => {
      if (event.repeat || event.isComposing) return;
      if (/^Digit\d$/.test(event.code)) { grade = [...GRADES, "UNSAT"][(+event.code.slice(5) + 9) % 10]; fill(); }
      else if (event.code === "Enter") { event.preventDefault(); close("sign"); }
    };
    document.addEventListener("keydown", pick); // not the dialog: a button that had the focus is made anew
    const what = await show(make("h2", {}, t("sign_title", slide.slide)), choices,
      undecided ? make("p", { class: "alarm" }, t("sign_open", undecided, order.length)) : null,
      make("p", {}, t("sign_looked", percent(overview.share))), make("p", { class: "soft" }, t("sign_hint")),
      make("p", { class: "row" }, make("button", { type: "button", onclick: () => close() }, t("cancel")),
        make("button", { type: "button", class: "main", id: "signs", onclick: () => close("sign") }, t("sign"), make("kbd", {}, "Enter"))));
    document.removeEventListener("keydown", pick);
    if (what !== "sign") return;
    overview.save();
    const event = send("sign", { class_id: grade, undecided, looked_at: +overview.share.toFixed(4) });
    const wait = setInterval(() => {
      if (queue.list.some((one) => one.id === event.id)) return;
      clearInterval(wait);
      if (!refusedSigns.has(event.id)) location.href = slide.next ? `/slide/${slide.next}${round === "second" ? "?round=second" : ""}` : "/";
    }, 40);
  };

  // Somebody else decided first: nothing is overwritten, the difference is shown, and the reader decides again.
  const differ = async (event, body) => {
    if (!body.refused) { message(...inWords(body)); await reload(); return; }
    if (body.refused === "blind" || body.refused === "unknown") { message(t(`refused_${body.refused}`)); return; }
    if (dialog.open) close();
    const again = event.kind === "sign" || body.refused === "changed";
    const what = await show(make("h2", {}, t("changed_title")), make("p", {}, t("changed_help")),
      make("table", { id: "difference" }, make("tbody", {}, ...body.difference.map((one) => make("tr", {},
        make("td", {}, one.reader), make("td", {}, t({ grade: "regraded", confirm: "confirmed", reject: "rejected", add: "added", sign: "sign" }[one.kind] || one.kind)),
        make("td", {}, one.class_id ? chip(one.class_id) : ""), make("td", { class: "soft" }, one.place), make("td", { class: "soft" }, new Date(one.at).toLocaleString(inChinese() ? "zh" : "en"))))),
        event.class_id ? make("tfoot", {}, make("tr", {}, make("td", {}, reader), make("td", {}, t(event.kind === "sign" ? "sign" : "regraded")), make("td", {}, chip(event.class_id)))) : null),
      make("p", { class: "row" }, make("button", { type: "button", class: "main", onclick: () => close() }, t("keep_theirs")),
        again ? make("button", { type: "button", id: "anyway", onclick: () => close("again") }, t(event.kind === "sign" ? "sign_anyway" : "decide_anyway")) : null));
    if (what !== "again") return;
    const { id, ...rest } = event;
    send(event.kind, { ...rest, base: state.revision });
    if (event.kind !== "sign") setTimeout(reload, 300);
  };

  const drawCurrent = () => {
    const one = current, all = list();
    $("current").replaceChildren(...(one ? [
      make("div", { class: "row" }, chip(one.class_id), make("b", {}, one.own ? t("added") : percent(one.probability)), make("span", { class: "grow" }), make("span", { class: "soft" }, t("finding_of", all.indexOf(one) + 1, all.length))),
      make("p", { class: `verdict ${one.verdict}` }, one.verdict ? `${{ confirmed: "✓", regraded: "✓", rejected: "✕", added: "+" }[one.verdict]} ${t(one.verdict)}${one.reader ? " · " + one.reader : ""}` : t("undecided"),
        one.verdict && one.ai && one.ai !== one.class_id ? make("span", { class: "soft" }, ` AI: ${one.ai}`) : null),
      one.note ? make("p", { class: "note" }, one.note) : "",
    ] : [make("p", { class: "soft" }, order.length ? t("no_finding") : t(round === "first" ? "nothing_found" : "nothing_added"))]));
  };
  const KEYS = [
    ["←", "previous", () => step(-1)], ["→", "next", () => step(1)], null,
    ["Space", "confirm", () => decide("confirm"), "confirm"], ["X", "reject", () => decide("reject"), "reject"], null,
    ...GRADES.map((name, index) => [String(index + 1), name, () => adding ? add(name) : decide("grade", name), "grade"]), null,
    ["A", "add", askClass], ["N", "note", note], ["U", "undo", undo], ["H", "hide", () => hide()], ["M", "heat", () => heat()], null,
    ["S", "sign", () => sign(), "main"],
  ];
  const drawKeys = () => $("keys").replaceChildren(...KEYS.map((one) => one === null ? make("span", { class: "gap" }) : make("button", {
    type: "button", class: `${one[3] || ""} ${GRADES.includes(one[1]) ? "c-" + one[1] : ""}`, title: `${t(one[1])} (${one[0]})`, "data-key": one[0],
    disabled: isSigned() && !["previous", "next", "hide", "heat", "note"].includes(one[1]) && one[1] !== "sign", onclick: (event) => { one[2](); event.currentTarget.blur(); },
  }, make("kbd", {}, one[0]), ["←", "→"].includes(one[0]) ? "" : make("span", {}, t(one[1])))));
  const draw = () => {
    $("grade").replaceChildren(...(slide.grade ? [make("span", { class: "soft" }, "AI "), chip(slide.grade)] : []));
    $("about").textContent = [t("position", slide.place, slide.total), round === "second" ? t("blind") : t(slide.disposition), ...(state.holder && state.holder !== reader ? [t("has_it", state.holder)] : [])].join(" · ");
    const signs = state.said.filter((one) => one.kind === "sign");
    message(...slide.notes.slice(0, 2), ...(isSigned() && signs.length ? [state.status === "signed"
      ? t("is_signed", signs.at(-1).class_id, signs.at(-1).reader) : t("is_differing", signs.map((one) => `${one.class_id} (${one.reader})`).join(", "))] : []));
    if (isSigned()) $("message").append(make("button", { type: "button", id: "reopen", onclick: () => { send("reopen"); state.status = "open"; draw(); } }, t("reopen")));
    drawCurrent();
    drawKeys();
  };

  const hide = () => { findings.hidden = !findings.hidden; document.body.classList.toggle("bare", findings.hidden); findings.draw(); overview.draw(); };
  let heated = false;
  const heat = () => { if (round === "first") viewer.heat(layer("heat.png"), heated = !heated); };
  const PLACES = {
    ArrowRight: () => step(1), ArrowLeft: () => step(-1), Space: () => decide("confirm"), ArrowUp: () => viewer.panBy(0, -0.25), ArrowDown: () => viewer.panBy(0, 0.25),
    NumpadAdd: () => viewer.zoomBy(1.5), NumpadSubtract: () => viewer.zoomBy(1 / 1.5), Escape: () => { if (adding) { adding = false; $("ask").hidden = true; } else location.href = "/"; },
  };
  GRADES.forEach((name, index) => { PLACES[`Digit${index + 1}`] = PLACES[`Numpad${index + 1}`] = () => adding ? add(name) : decide("grade", name); });
  const LETTERS = {
    c: () => decide("confirm"), x: () => decide("reject"), a: askClass, n: note, u: undo, h: hide, m: heat, s: () => sign(), w: () => viewer.home(), "?": showHelp,
    g: () => $("viewer").classList.toggle("balance"), f: () => $("viewer").classList.toggle("sharp"), "+": () => viewer.zoomBy(1.5), "=": () => viewer.zoomBy(1.5), "-": () => viewer.zoomBy(1 / 1.5),
  };
  document.addEventListener("keydown", (event) => {
    if (!isCommand(event)) return;
    const act = PLACES[event.code] || LETTERS[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  $("stage").addEventListener("pointermove", (event) => { const { left, top } = $("viewer").getBoundingClientRect(); pointer = { x: event.clientX - left, y: event.clientY - top }; });
  $("stage").addEventListener("pointerleave", () => { pointer = null; });
  viewer.osd.addHandler("canvas-click", (event) => { if (event.quick) { const one = findings.at(event.position); if (one) choose(one, false); } });
  document.addEventListener("themechange", () => { known.clear(); findings.dots = null; findings.draw(); overview.draw(); });
  const measure = () => { if (!viewer.osd.world.getItemCount()) return; const { width, label } = ruler(viewer.umPerPx); $("ruler").style.width = `${width}px`; $("ruler").firstChild.textContent = label; };
  viewer.osd.addHandler("update-viewport", measure);

  await viewer.ready;
  take(state);
  onLanguage(() => { build(); queue.changed(queue.list.length, queue.offline); });
  if (queue.list.length) queue.send().then(reload);
  if (list().length && !isSigned()) choose(list().find((one) => !one.verdict) || list()[0]);
  measure();
  setInterval(async () => {
    if (queue.list.length || document.hidden || dialog.open) return;
    const { status, body } = await ask(`${query("state")}&since=${state.revision}`).catch(() => ({}));
    if (status === 200 && body.marks && !queue.list.length && body.revision > state.revision) { take(body); build(); }
  }, POLL_MS);
  if (slide.next) setTimeout(() => ask(`/api/slide/${slide.next}/check`).catch(() => {}), 1500);
}
