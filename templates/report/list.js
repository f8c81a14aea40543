// The list of samples: its order, its pages and rows.
const PAGE = 50;
const SHOWN = ["age", "sex", "race", "occupation category"];
let found = [];
let page = 0;
let order = { by: "", down: false };

// What the list can be ordered by: the button's word, the number of a sample (NaN is last), and what a row says of it.
const ORDERS = {
  verdict: { name: "verdict", of: (i) => index.rows.outcome[i], revealing: true },
  length: { name: "length", of: (i) => index.rows.length[i], says: (i) => several(index.rows.length[i], "character") },
  flips: { name: "flips", of: (i) => (taskOf(i).evaluation === "leave_one_out" ? flipsOf(i).length : NaN), revealing: true },
  good: { name: "successes", of: (i) => index.rows.good[i], revealing: true },
  split: { name: "disagreement", of: (i) => known(index.rows.split[i]), says: (i) => `${index.rows.split[i]}% of votes disagree`, revealing: true },
  label: { name: "label", of: (i) => (labelCode(i) === 3 ? NaN : labelCode(i)), says: (i) => `label ${SAID[labelCode(i)]}` },
  tokens: { name: "critic's tokens", of: (i) => known(index.rows.tokens[i]), says: (i) => several(index.rows.tokens[i], "token") },
};
const known = (number) => (number < 0 ? NaN : number);
const inUse = () => Object.entries(ORDERS).filter(([, o]) => index.rows.task.some((_, i) => !Number.isNaN(o.of(i)) && o.of(i) > 0));

function fillOrders() {
  const shown = new Map([["", { name: "file" }], ...inUse()]);
  if (!shown.has("label")) shown.set("label", ORDERS.label);
  byId("orders").replaceChildren(el("span", { text: "Order by" }), ...[...shown].map(([by, o]) =>
    el("button", { type: "button", "data-by": by, text: o.name, on: { click: () => orderBy(by) } })));
}

function orderBy(by) {
  order = by === order.by && by ? { by, down: !order.down } : { by, down: Boolean(by) };
  apply();
}

function sortFound() {
  for (const button of byId("orders").querySelectorAll("button")) {
    const on = button.dataset.by === order.by;
    button.setAttribute("aria-pressed", String(on));
    button.dataset.down = on && order.by ? String(order.down) : "";
  }
  if (!order.by) return;
  const of = ORDERS[order.by].of;
  const sign = order.down ? -1 : 1;
  const keys = new Float64Array(index.rows.task.length);
  for (const i of found) {
    const key = of(i);
    keys[i] = Number.isNaN(key) ? Infinity : sign * key;
  }
  // Two that are not known differ by no number, and keep the file's order.
  found.sort((a, b) => keys[a] - keys[b] || a - b);
}

function apply(keepPage = false) {
  const started = performance.now();
  const before = page;
  found = filtered();
  sortFound();
  page = keepPage === true ? Math.min(before, Math.max(0, Math.ceil(found.length / PAGE) - 1)) : 0;
  showCounts();
  show();
  saveState();
  document.body.dataset.filtered = String(Math.round(performance.now() - started));
}

function show() {
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  const words = searched();
  const rows = found.slice(page * PAGE, page * PAGE + PAGE).map((position, i) => el("li", {}, rowButton(position, page * PAGE + i, words)));
  byId("rows").replaceChildren(...rows);
  byId("nothing").hidden = found.length > 0 || wordsRead.samples < index.rows.task.length;
  watchRows();
  const total = index.rows.task.length;
  const reading = wordsRead.samples < total && words.length ? ` (searched ${wordsRead.samples.toLocaleString("en")} so far)` : "";
  byId("status").textContent = `${found.length.toLocaleString("en")} of ${total.toLocaleString("en")} samples${config.going ? " so far" : ""}${reading}`;
  byId("pager").hidden = pages < 2;
  byId("p-where").textContent = `Page ${page + 1} of ${pages}`;
  byId("p-back").disabled = page === 0;
  byId("p-on").disabled = page === pages - 1;
  for (const id of ["e-csv", "e-jsonl"]) byId(id).disabled = found.length === 0;
}

function rowButton(position, place, words) {
  const person = index.rows.persona[position];
  const who = SHOWN.map((name) => value(index.attributes.indexOf(name), person)).filter((v) => v !== null).join(" · ");
  const about = index.tasks.length > 1 ? `${taskName(taskOf(position))} · ${who}` : who;
  const hidden = hiddenRow(position);
  const said = [ORDERS.length, ORDERS.split, ORDERS.tokens, ORDERS.label].filter((o) => !(hidden && o.revealing) && o.of(position) > 0 || o === ORDERS.label && !hidden && labelCode(position) < 3);
  return el("button", { type: "button", "data-position": position, on: { click: () => open(place) } },
    el("span", { class: "verdict" }, hidden ? covered() : outcome(index.rows.outcome[position], position),
      hidden || !summaryOf(position) ? null : el("span", { class: "summary", text: summaryOf(position) })),
    named(el("span", { class: "question", dir: "auto" }, ...marked(question(position).slice(0, 400), words))),
    el("span", { class: "who" }, ...marked(about.slice(0, 300), words)),
    bearing(position) ? el("span", { class: "bears", text: `bears: ${bearing(position).slice(0, 300)}` }) : null,
    el("span", { class: "numbers" }, ...said.map((o) => el("span", { text: o.says(position) }))));
}

function turn(by) {
  page += by;
  show();
  saveState();
  byId("samples").scrollIntoView();
  byId("rows").querySelector("button")?.focus({ preventScroll: true });
}
