"use strict";
// Tables: every heading of a sortable table becomes a button; a searchable table gets a filter field.
const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();

function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
}

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.classList.contains("num") ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? second : first;
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...body.rows].sort((a, b) => sign * compare(value(a, column), value(b, column)));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      body.append(...rows);
    });
  });
}

for (const table of document.querySelectorAll("table[data-search]")) {
  const rows = [...table.tBodies[0].rows];
  const field = document.createElement("input");
  const found = document.createElement("output");
  field.type = "search";
  field.placeholder = `Search ${rows.length} ${table.dataset.search}`;
  field.setAttribute("aria-label", field.placeholder);
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLocaleLowerCase();
    let hits = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLocaleLowerCase().includes(wanted);
      hits += row.hidden ? 0 : 1;
    }
    found.textContent = wanted ? `${hits} found` : "";
  });
  const bar = document.createElement("p");
  bar.className = "search";
  bar.append(field, found);
  table.closest(".scroll").before(bar);
}

// Light and dark: what the system says, until the button is pressed.
const root = document.documentElement;
const system = window.matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
try {
  const chosen = localStorage.getItem("m5-theme");
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
} catch {
  // A browser that keeps nothing for local files: the choice holds for this page.
}
const theme = document.createElement("button");
theme.type = "button";
theme.className = "theme";
const tell = () => {
  theme.textContent = isDark() ? "Light" : "Dark";
  theme.setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
};
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("m5-theme", root.dataset.theme);
  } catch {
    // As above.
  }
  tell();
});
system.addEventListener("change", tell);
tell();
document.querySelector(".top").append(theme);
