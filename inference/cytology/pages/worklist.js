// The worklist: sort by a column, show only some dispositions or names.
(() => {
  const body = document.querySelector("#worklist tbody");
  if (!body) return;
  const rows = [...body.rows];
  const count = document.getElementById("count");
  const search = document.getElementById("search");
  const chips = [...document.querySelectorAll("button[data-disposition]")];
  const heads = [...document.querySelectorAll("#worklist th[data-key]")];
  let wanted = "";

  const value = (row, key) => row.querySelector(`[data-key="${key}"]`).dataset.value;
  const compare = (key, number, up) => (a, b) => {
    const left = value(a, key), right = value(b, key);
    if (!left || !right) return (left ? 0 : 1) - (right ? 0 : 1); // what is missing stays at the end either way
    const order = number ? left - right : left.localeCompare(right, undefined, { numeric: true });
    return up ? order : -order;
  };
  for (const head of heads)
    head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      body.append(...rows.sort(compare(head.dataset.key, head.dataset.number !== undefined, up)));
    });

  const show = () => {
    const words = search.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = (!wanted || row.dataset.disposition === wanted) && row.textContent.toLowerCase().includes(words);
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = shown === rows.length ? `${shown}` : `${shown} / ${rows.length}`;
  };
  for (const chip of chips)
    chip.addEventListener("click", () => {
      wanted = wanted === chip.dataset.disposition ? "" : chip.dataset.disposition;
      chips.forEach((other) => other.setAttribute("aria-pressed", String(other.dataset.disposition === wanted)));
      show();
    });
  search.addEventListener("input", show);
  show();
})();
