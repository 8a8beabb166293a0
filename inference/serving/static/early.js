"use strict";
// Before anything is painted: the language and the light that were chosen last, else those of the system.
(() => {
  const kept = (name) => { try { return localStorage.getItem("unmissed-" + name); } catch { return null; } };
  const root = document.documentElement;
  root.lang = (kept("language") || (navigator.language.startsWith("zh") ? "zh" : "en")) === "zh" ? "zh-Hans" : "en";
  const light = kept("theme");
  if (light) root.dataset.theme = light;
})();
