// Accounts: who may log in, and as what.
import { ask, inWords, make, onLanguage, reader, t } from "./page.js";

const form = document.getElementById("person");
let known = [], roles = [];

const draw = () => {
  const chosen = form.elements.role.value || "reader";
  form.elements.role.replaceChildren(...roles.map((name) => make("option", { value: name, selected: name === chosen }, t(`role_${name}`))));
  document.getElementById("people").replaceChildren(make("tbody", {}, ...known.map((one) => make("tr", {},
  make("th", {}, one.name), make("td", {}, t(`role_${one.role}`)),
  make("td", {}, one.name === reader ? "" : make("button", { type: "button", class: "plain", onclick: () => send({ what: "remove", name: one.name }) }, t("remove")))))));
};

const take = ({ status, body }) => {
  document.getElementById("problem").textContent = status === 200 ? "" : inWords(body).join(" ");
  if (status !== 200) return false;
  known = body.people;
  roles = body.roles;
  draw();
  return true;
};
const send = async (change) => take(await ask("/api/people", change).catch(() => ({ status: 0, body: {} })));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await send({ what: "set", name: form.elements.name.value.trim(), role: form.elements.role.value, password: form.elements.password.value })) form.reset();
});
take(await ask("/api/people"));
onLanguage(draw);
document.documentElement.dataset.ready = "1";
