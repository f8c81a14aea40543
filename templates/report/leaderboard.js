"use strict";
// Sorts a table by the column whose heading was pressed; what was not measured stays at the end either way.
const tables = [...document.querySelectorAll("table")];
for (const table of tables) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, number) => {
    heading.querySelector("button").addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") === "descending" || (heading.getAttribute("aria-sort") === "none" && number < 3);
      const direction = up ? 1 : -1;
      // A phone has the score's column first: the place is asked for when it is needed.
      const key = (row) => row.cells[heading.cellIndex].dataset.key;
      const rows = [...table.tBodies[0].rows];
      rows.sort((first, second) => {
        const one = key(first), two = key(second);
        if (one === "" || two === "") return (one === "") - (two === "");
        const difference = Number(one) - Number(two);
        return direction * (Number.isNaN(difference) ? one.localeCompare(two) : difference);
      });
      table.tBodies[0].append(...rows);
      headings.forEach((other) => other.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    });
  });
}

// On a phone the score comes first; back in its place where there is room.
const narrow = matchMedia("(max-width: 40rem)");
const place = () => {
  for (const table of tables) {
    for (const row of table.rows) {
      const score = row.querySelector(".score");
      const before = narrow.matches ? row.cells[0] : row.querySelector(".after-score");
      if (score && score !== before) row.insertBefore(score, before);
    }
  }
};
for (const table of tables) {
  for (const row of table.rows) row.querySelector(".score")?.nextElementSibling?.classList.add("after-score");
}
narrow.addEventListener("change", place);
place();

// Finds models by any part of their names, in every table.
const find = document.getElementById("find");
find.closest("p").hidden = false;
find.addEventListener("input", () => {
  const wanted = find.value.trim().toLowerCase();
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
  for (const row of rows) row.hidden = !row.querySelector("th").textContent.toLowerCase().includes(wanted);
  const left = rows.filter((row) => !row.hidden).length;
  document.getElementById("found").textContent = wanted ? `${left} of ${rows.length}` : "";
});
