"use strict";
const page = document.documentElement;
const by = id => document.getElementById(id);

// The page follows the system until somebody says otherwise.
const theme = by("theme");
const night = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => page.dataset.theme ? page.dataset.theme === "dark" : night.matches;
const offer = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
theme.addEventListener("click", () => { page.dataset.theme = isDark() ? "light" : "dark"; offer(); });
night.addEventListener("change", offer);
theme.hidden = false;
offer();

// Commands that give it all again.
for (const command of document.querySelectorAll(".command")) {
  const [text, copy] = command.children;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      by("said").textContent = "Copied.";
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      copy.textContent = "Selected";
    }
  });
  copy.hidden = false;
}

// Rows in the order of a column: largest first, then smallest first.
for (const head of document.querySelectorAll(".sortable th[data-sort]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    const value = row => {
      const figure = row.cells[head.cellIndex].querySelector("data");
      return figure === null || figure.value === "null" ? -Infinity : Number(figure.value);
    };
    const rows = [...body.rows].sort((one, other) => Math.sign(value(other) - value(one)) || 0);
    body.append(...(down ? rows : rows.reverse()));
  });
}

// On paper payments have their explanations; tables that were folded stay so.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.example:not([open])")];
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => { for (const details of opened) details.open = false; });
