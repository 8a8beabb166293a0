// The slide: heat map on and off, a crop and its mark belong together, arrows go through the gallery.
(() => {
  const overlay = document.getElementById("overlay");
  const toggle = document.getElementById("heat");
  const opacity = document.getElementById("opacity");
  const fade = () => { overlay.style.opacity = toggle.checked ? opacity.value / 100 : 0; opacity.disabled = !toggle.checked;
    overlay.parentElement.classList.toggle("heated", toggle.checked); };
  toggle.addEventListener("change", fade);
  opacity.addEventListener("input", fade);
  fade();

  const crops = [...document.querySelectorAll("#gallery .crop")];
  const marks = [...document.querySelectorAll("#viewer .mark")];
  const chosen = document.getElementById("chosen");
  if (!crops.length) return;
  let current = -1;

  const choose = (index, focus) => {
    if (current >= 0) {
      crops[current].classList.remove("on");
      crops[current].querySelector("button").tabIndex = -1;
      marks[current].classList.remove("on");
    }
    current = index;
    crops[index].classList.add("on");
    marks[index].classList.add("on");
    const button = crops[index].querySelector("button");
    button.tabIndex = 0;
    chosen.replaceChildren(...[...crops[index].children].map((child) => child.cloneNode(true)));
    chosen.querySelector("button").disabled = true;
    if (focus) { button.focus({ preventScroll: true }); crops[index].scrollIntoView({ block: "nearest" }); }
  };
  const visible = () => crops.map((crop, index) => (crop.hidden ? -1 : index)).filter((index) => index >= 0);
  const go = (steps) => {
    const places = visible();
    if (!places.length) return;
    const next = places.indexOf(current) + steps;
    choose(places[Math.min(places.length - 1, Math.max(0, next))], true);
  };
  const across = () => {
    const places = visible();
    const top = crops[places[0]].offsetTop;
    return Math.max(1, places.filter((index) => crops[index].offsetTop === top).length);
  };

  crops.forEach((crop, index) => {
    crop.querySelector("button").tabIndex = -1;
    crop.querySelector("button").addEventListener("click", () => choose(index, false));
    marks[index].addEventListener("click", () => choose(index, true));
  });
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input")) return;
    const inside = event.target.closest("#gallery");
    const steps = { ArrowLeft: () => -1, ArrowRight: () => 1,
      ArrowUp: () => (inside ? -across() : 0), ArrowDown: () => (inside ? across() : 0) }[event.key];
    const move = steps ? steps() : 0;
    if (!move) return;
    event.preventDefault();
    go(move);
  });

  const chips = [...document.querySelectorAll("button[data-class]")];
  let wanted = "";
  for (const chip of chips)
    chip.addEventListener("click", () => {
      wanted = wanted === chip.dataset.class ? "" : chip.dataset.class;
      chips.forEach((other) => other.setAttribute("aria-pressed", String(other.dataset.class === wanted)));
      crops.forEach((crop, index) => { crop.hidden = marks[index].hidden = Boolean(wanted) && crop.dataset.id !== wanted; });
      if (crops[current].hidden && visible().length) choose(visible()[0], false);
    });
  choose(0, false);
})();
