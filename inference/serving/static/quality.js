// Where people and machine differ: slides first, then findings with both opinions, then kappa.
import { ask, chip, inWords, make, onLanguage, percent, t } from "./page.js";

const $ = (id) => document.getElementById(id);
const crop = (one, at) => at
  ? make("img", { src: `/crop/${one.key}/${one.sha256.slice(0, 16)}/${Math.round(at.x_px)}/${Math.round(at.y_px)}/${Math.max(8, Math.min(4096, Math.round(1.6 * at.box_px)))}.jpg`, alt: "", loading: "lazy" })
  : make("div", { class: "empty" });
let only = "";

const { status, body } = await ask("/api/quality");
if (status === 200) onLanguage(draw); else $("apart").replaceChildren(...inWords(body).map((line) => make("p", {}, line)));
document.documentElement.dataset.ready = "1";

function draw() {
  $("second").textContent = t("second_done", body.second.done, body.second.drawn);
  $("apart").replaceChildren(...body.slides.map((one) => make("a", { class: "pair", href: `/slide/${one.key}` }, make("h3", {}, one.slide),
    make("div", { class: "sides" }, ...one.readers.map((each) => make("figure", {}, crop(one, each.crop), make("figcaption", {}, chip(each.grade), " ", each.who)))))));
  if (!body.slides.length) $("apart").replaceChildren(make("p", { class: "soft" }, t("nothing_apart")));
  const kinds = [...new Set(body.findings.map((one) => `${one.ai_class || "–"} → ${one.class_id}`))];
  $("filter").replaceChildren(...kinds.map((kind) => make("button", { type: "button", "aria-pressed": String(only === kind), onclick: () => { only = only === kind ? "" : kind; draw(); } }, kind,
    make("b", {}, body.findings.filter((one) => `${one.ai_class || "–"} → ${one.class_id}` === kind).length))));
  $("differing").replaceChildren(...body.findings.filter((one) => !only || `${one.ai_class || "–"} → ${one.class_id}` === only).map((one) => make("a", { class: "pair", href: `/slide/${one.key}` },
    make("div", { class: "sides" }, make("figure", {}, crop(one, one)),
      make("figure", {}, make("p", {}, "AI ", one.ai_class ? chip(one.ai_class) : "–", " ", one.ai_class ? percent(one.ai_probability) : ""), make("p", {}, one.reader, " ", chip(one.class_id)),
        make("figcaption", { class: "soft" }, one.slide, " · ", t(one.ai_visible ? "saw_ai" : "blind_short")))))));
  const who = (one) => one.who === "ai" ? t("ai_first") : one.who === "second" ? t("first_second") : t("ai_reader", one.who);
  $("agreement").replaceChildren(make("tbody", {}, make("tr", {}, ...["", t("month"), t("same"), "κ"].map((name) => make("th", {}, name))),
    ...body.agreement.map((one) => make("tr", {}, make("td", {}, who(one)), make("td", {}, one.month), make("td", { class: "number" }, `${one.same} / ${one.slides}`), make("td", { class: "number" }, one.kappa == null ? "–" : one.kappa.toFixed(2))))));
}
