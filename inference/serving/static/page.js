// What every page has: language, light, leaving, help, dialogs, and questions to the server.
import { words, help } from "./words.js";

const keep = (name, value) => { try { localStorage.setItem("unmissed-" + name, value); } catch { /* private mode */ } };
const content = (name) => document.querySelector(`meta[name="unmissed-${name}"]`)?.content || "";
export const reader = content("reader");
export const role = content("role");
export const csrf = content("page");

export const inChinese = () => document.documentElement.lang.startsWith("zh");
export const t = (name, ...values) => {
  const pair = words[name];
  let text = pair ? pair[inChinese() ? 1 : 0] : name;
  values.forEach((value, index) => { text = text.replace(`{${index}}`, value); });
  return text;
};

/** An element: make("p", {class: "soft", onclick: f}, "text", child ...); text is never read as HTML. */
export const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
};

const listeners = [];
/** Called now and whenever the language changes. */
export const onLanguage = (draw) => { listeners.push(draw); draw(); };

const translate = () => {
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-title]")) {
    element.title = t(element.dataset.tTitle);
    element.setAttribute("aria-label", element.title);
  }
  for (const element of document.querySelectorAll("[data-t-placeholder]"))
    element.placeholder = element.ariaLabel = t(element.dataset.tPlaceholder);
  document.getElementById("language").textContent = inChinese() ? "English" : "中文";
};
onLanguage(translate);

document.getElementById("language").addEventListener("click", () => {
  document.documentElement.lang = inChinese() ? "en" : "zh-Hans";
  keep("language", inChinese() ? "zh" : "en");
  listeners.forEach((draw) => draw());
});
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  keep("theme", root.dataset.theme);
  document.dispatchEvent(new Event("themechange"));
});
document.getElementById("leave")?.addEventListener("click", async () => {
  await fetch("/logout", { method: "POST", headers: { "x-unmissed-page": csrf }, body: "" });
  location.href = "/login";
});

export const dialog = document.getElementById("dialog");
/** Show a dialog with this content; resolves when it is closed. */
export const show = (...children) => new Promise((resolve) => {
  dialog.replaceChildren(...children);
  dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  dialog.returnValue = "";
  dialog.showModal();
});
export const close = (value = "") => dialog.close(value);

export const showHelp = () => {
  const page = document.documentElement.dataset.page;
  const rows = help[page] || help.worklist;
  return show(
    make("h2", {}, t("help")),
    make("table", { class: "help" }, make("tbody", {}, ...rows.map(([keys, name]) =>
      make("tr", {}, make("th", {}, ...keys.map((key) => make("kbd", {}, key))), make("td", {}, t(name)))))),
    make("p", { class: "row" }, make("button", { type: "button", class: "main", onclick: () => close() }, t("close"))),
  );
};
document.getElementById("help")?.addEventListener("click", showHelp);

/** A key press that is meant for the page: no repeat, no input method, no text field, no modifier. */
export const isCommand = (event) =>
  !event.repeat && !event.isComposing && event.keyCode !== 229 && !event.ctrlKey && !event.metaKey && !event.altKey
  && !event.target.closest?.("input, textarea, select") && !dialog.open;

/** Ask the server; {status, body}. Throws where it cannot be reached. */
export const ask = async (address, sent) => {
  const options = sent === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json", "x-unmissed-page": csrf }, body: JSON.stringify(sent),
  };
  const answer = await fetch(address, { ...options, signal: AbortSignal.timeout(60000) });
  const type = answer.headers.get("content-type") || "";
  return { status: answer.status, body: type.includes("json") ? await answer.json() : {} };
};

/** The server's own words for what is wrong. */
export const inWords = (body) => {
  const error = body.error || { found: t("no_answer") };
  return [error.found, error.expected && `${t("expected")} ${error.expected}`, error.fix && `${t("to_do")} ${error.fix}`]
    .filter(Boolean);
};

/** A name for an event: sent again, it counts once. randomUUID needs https or this machine. */
export const newId = () => crypto.randomUUID?.() || [...crypto.getRandomValues(new Uint8Array(16))].map((part) => part.toString(16).padStart(2, "0")).join("");

export const chip = (name) => make("span", { class: `class c-${name}` }, name);
export const percent = (share) => `${Math.round(100 * share)} %`;
