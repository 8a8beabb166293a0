// The gallery: findings by class, worst class first, best first; pictures come when they are scrolled to.
import { chip, make, percent, t } from "./page.js";

const FIRST = 12, MORE = 60;
const WORST = ["SCC", "ADC", "AIS", "HSIL", "AGC", "ASC-H", "LSIL", "ASC-US", "UNSAT", "NILM"];

export class Gallery {
  constructor(element, chips, address, choose) {
    Object.assign(this, { element, chips, address, choose });
    this.list = [];
    this.cards = new Map();
    this.open = new Map();
    this.only = "";
    this.current = null;
  }

  /** Findings in the order in which they are read: worst class first, then most certain first. */
  static order(list) {
    const rank = (one) => WORST.indexOf(one.ai || one.class_id);
    return [...list].sort((a, b) => rank(a) - rank(b) || b.probability - a.probability || a.y - b.y || a.x - b.x);
  }

  set(list) { this.list = list; this.draw(); }

  draw() {
    const groups = new Map();
    for (const one of this.list) {
      const name = one.ai || one.class_id;
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(one);
    }
    this.chips.replaceChildren(...[...groups].map(([name, list]) => make("button", {
      type: "button", class: `c-${name}`, "aria-pressed": String(this.only === name), "data-class": name,
      onclick: () => { this.only = this.only === name ? "" : name; this.draw(); this.choose(null); },
    }, make("i", {}), name, make("b", {}, list.filter((one) => !one.verdict).length))));
    this.cards.clear();
    this.element.replaceChildren(...[...groups].filter(([name]) => !this.only || this.only === name).map(([name, list]) => this.group(name, list)));
    this.mark(this.current);
  }

  group(name, list) {
    const count = this.open.get(name) || FIRST;
    const rest = list.length - count;
    const left = list.filter((one) => !one.verdict).length;
    return make("section", {},
      make("h3", {}, chip(name), make("span", { class: "soft", "data-left": name }, left ? t("left_here", left) : "✓")),
      make("div", { class: "crops" }, ...list.slice(0, count).map((one) => this.card(one))),
      rest > 0 ? make("button", { type: "button", class: "more", onclick: () => { this.open.set(name, count + MORE); this.draw(); } }, t("more", rest)) : null);
  }

  card(one) {
    const card = make("button", { type: "button", class: "crop", tabindex: -1, onclick: () => this.choose(one) },
      make("img", { src: this.address(one), alt: "", loading: "lazy", width: 104, height: 104 }), make("span", {}));
    this.cards.set(one.place, card);
    this.refresh(one);
    return card;
  }

  refresh(one) {
    const card = this.cards.get(one.place);
    if (!card) return;
    card.className = `crop c-${one.class_id} ${one.verdict || ""}${one === this.current ? " on" : ""}`;
    const sign = { confirmed: "✓ ", rejected: "✕ ", regraded: "✓ ", added: "+ " }[one.verdict] || "";
    card.lastChild.textContent = one.verdict && one.verdict !== "confirmed" ? `${sign}${one.verdict === "rejected" ? "" : one.class_id}` : `${sign}${percent(one.probability)}`;
    card.title = `${one.class_id} ${percent(one.probability)}${one.verdict ? " · " + t(one.verdict) : ""}`;
  }

  mark(one) {
    const before = this.current;
    this.current = one;
    if (before) this.refresh(before);
    if (!one) return;
    this.refresh(one);
    this.cards.get(one.place)?.scrollIntoView({ block: "nearest" });
  }
}
