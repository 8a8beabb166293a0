"use strict";
// The language stays as it was chosen on the last page; without a choice, the reader's own is taken.
(() => {
  const keep = (value) => { try { localStorage.setItem("unmissed-language", value); } catch (error) { /* private mode */ } };
  const kept = () => { try { return localStorage.getItem("unmissed-language"); } catch (error) { return null; } };
  const choose = (value) => {
    const input = document.getElementById("lang-" + value);
    if (!input) return;
    input.checked = true;
    document.documentElement.lang = value === "zh" ? "zh-Hans" : "en";
  };
  choose(kept() || (navigator.language.startsWith("zh") ? "zh" : "en"));
  for (const input of document.querySelectorAll("input[name=lang]"))
    input.addEventListener("change", () => { choose(input.id.slice(5)); keep(input.id.slice(5)); });
})();
