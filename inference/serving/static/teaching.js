// A case, an answer, the truth; what was missed comes back sooner.
import { ask, chip, inWords, isCommand, make, onLanguage, showHelp, t } from "./page.js";

const GRADES = ["NILM", "ASC-US", "LSIL", "ASC-H", "HSIL", "SCC", "AGC", "AIS", "ADC"];
const $ = (id) => document.getElementById(id);
let now = null, begun = 0, told = false;

const score = () => { $("score").textContent = now ? t("score_line", now.score.right, now.score.answered, now.score.left) : ""; };
const next = async () => {
  const { status, body } = await ask("/api/teaching");
  if (status !== 200) { $("verdict").replaceChildren(...inWords(body)); return; }
  now = body;
  told = false;
  const one = now.case;
  $("case").hidden = !one;
  $("verdict").textContent = one ? "" : t("no_case");
  if (one) $("case").src = `/crop/${one.key}/${one.sha256.slice(0, 16)}/${Math.round(one.x_px)}/${Math.round(one.y_px)}/${Math.max(8, Math.min(4096, Math.round(1.8 * one.box_px)))}.jpg?size=512`;
  begun = performance.now();
  score();
};
const answer = async (class_id) => {
  if (!now?.case || told) return;
  told = true;
  const sent = { id: crypto.randomUUID?.() || `${Date.now()}-${Math.random().toString(36).slice(2)}`, kind: "answer", place: now.case.place, class_id, seconds: +((performance.now() - begun) / 1000).toFixed(2) };
  const { status, body } = await ask(`/api/teaching/${now.case.key}`, sent);
  if (status !== 200) { $("verdict").replaceChildren(...inWords(body)); return; }
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
