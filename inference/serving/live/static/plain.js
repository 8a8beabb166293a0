// Pages of examinations that are over: language, search, and what a doctor says of an alert or a site.
document.getElementById("language").addEventListener("click", () => {
  const root = document.documentElement, chinese = root.lang.startsWith("zh");
  root.lang = chinese ? "en" : "zh-Hans";
  try { localStorage.setItem("unmissed-language", chinese ? "en" : "zh"); } catch { /* for this page only */ }
});
document.getElementById("find")?.addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const row of document.querySelectorAll(".list tbody tr")) row.hidden = !row.textContent.toLowerCase().includes(wanted);
});
for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", async () => {
  const body = JSON.stringify({ target: button.parentElement.dataset.target, verdict: button.dataset.verdict });
  const page = document.querySelector("meta[name=unmissed-page]").content;
  const answer = await fetch(`${location.pathname}/edits`, { method: "POST", headers: { "x-unmissed-page": page }, body });
  if (answer.ok) location.reload();
  else button.classList.add("failed");
});
