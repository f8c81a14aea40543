"use strict";
// Sorts a table by the column whose heading was pressed; what was not measured stays at the end either way.
for (const table of document.querySelectorAll("table")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") === "descending" || (heading.getAttribute("aria-sort") === "none" && column < 3);
      const direction = up ? 1 : -1;
      const key = (row) => row.cells[column].dataset.key;
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
