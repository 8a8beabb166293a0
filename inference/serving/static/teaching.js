// A case, an answer, the truth; what was missed comes back sooner.
import { ask, chip, inWords, isCommand, make, newId, onLanguage, showHelp, t } from "./page.js";

const GRADES = ["NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC", "AGC", "AIS", "ADC"];
const $ = (id) => document.getElementById(id);
const contest = new URLSearchParams(location.search).get("contest");
let now = null, begun = 0, told = false, clock = 0;

const score = () => {
  if (!now) return;
  $("score").textContent = contest ? t("contest_line", Math.min(now.score.answered + 1, now.score.total), now.score.total) : t("score_line", now.score.right, now.score.answered, now.score.left);
  $("help_line").textContent = contest ? t("contest_help", contest) : t("teaching_help");
  $("contests").replaceChildren(...(now.contests || []).map((name) => make("a", { href: `/teaching?contest=${encodeURIComponent(name)}` }, t("contest", name))));
  if (now.table) $("verdict").replaceChildren(t("contest_end"), make("table", { class: "lines" }, make("tbody", {}, ...Object.entries(now.table).sort((a, b) => b[1] - a[1]).map(([name, right]) =>
    make("tr", {}, make("th", {}, name), make("td", { class: "number" }, t("right_of", right, now.score.total)))))));
};
/** The bar runs down; at its end no answer is an answer. */
const tick = () => {
  const left = now.case.left_s - (performance.now() - begun) / 1000;
  $("clock").value = Math.max(0, left);
  $("left").textContent = t("seconds_left", Math.max(0, Math.ceil(left)));
  if (left <= 0) answer("none");
};
const next = async () => {
  const { status, body } = await ask(contest ? `/api/contest/${encodeURIComponent(contest)}` : "/api/teaching");
  if (status !== 200) { $("verdict").replaceChildren(...inWords(body)); return; }
  now = body;
  told = false;
  const one = now.case;
  $("case").hidden = !one;
  $("verdict").textContent = one ? "" : t("no_case");
  if (one) $("case").src = `/crop/${one.key}/${one.sha256.slice(0, 16)}/${Math.round(one.x_px)}/${Math.round(one.y_px)}/${Math.max(8, Math.min(4096, Math.round(1.8 * one.box_px)))}.jpg?size=512`;
  begun = performance.now();
  $("clock").hidden = $("left").hidden = !(contest && one);
  if (contest && one) { $("clock").max = Math.max($("clock").max, one.left_s); tick(); clock = setInterval(tick, 200); }
  score();
};
const answer = async (class_id) => {
  if (!now?.case || told) return;
  told = true;
  clearInterval(clock);
  const sent = { id: newId(), kind: "answer", place: now.case.place, class_id, seconds: +((performance.now() - begun) / 1000).toFixed(2) };
  const { status, body } = await ask(contest ? `/api/contest/${encodeURIComponent(contest)}?slide=${now.case.key}` : `/api/teaching/${now.case.key}`, sent);
  if (status !== 200) { $("verdict").replaceChildren(...inWords(body)); return; }
  if (contest) return next();
  now.score.answered++;
  now.score.right += body.right;
  const [before, after] = t(body.right ? "right" : "was", "\u0000", class_id).split("\u0000");
  $("verdict").replaceChildren(body.right ? "✓ " : "✕ ", before, chip(body.truth), after, " ", make("span", { class: "soft" }, t("go_on")));
  score();
};
onLanguage(() => {
  $("answers").replaceChildren(...GRADES.map((name, index) => make("button", { type: "button", class: `c-${name}`, "data-class": name, onclick: () => answer(name) }, make("kbd", {}, index + 1), make("i", {}), name)));
  score();
});
document.addEventListener("keydown", (event) => {
  if (!isCommand(event)) return;
  if (/^(Digit|Numpad)[1-9]$/.test(event.code)) answer(GRADES[+event.code.at(-1) - 1]);
  else if (["Space", "ArrowRight"].includes(event.code) && told) next();
  else if (event.key === "?") showHelp();
  else return;
  event.preventDefault();
});
await next();
document.documentElement.dataset.ready = "1";
