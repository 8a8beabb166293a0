// The worklist: sort by a column, show only some dispositions or names.
(() => {
  const bodies = [...document.querySelectorAll("#worklist tbody")]; // slides unlike the training laboratories stay apart
  if (!bodies.length) return;
  const rowsOf = (body) => [...body.rows].filter((row) => row.dataset.disposition);
  const rows = bodies.flatMap(rowsOf);
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
      const order = compare(head.dataset.key, head.dataset.number !== undefined, up);
      for (const body of bodies) body.append(...rowsOf(body).sort(order));
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
