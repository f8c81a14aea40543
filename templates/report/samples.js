// The list of samples: filters, pages, and the dialog's way from one to the next.
const PAGE = 50;
const SHOWN = ["age", "sex", "race", "occupation category"];
const byId = (id) => document.getElementById(id);
let found = [];
let page = 0;
let current = -1;
let wait = 0;

function option(text, code) {
  return el("option", { value: code, text });
}

// Tasks of one kind share their words; of several kinds the filter has the debate's.
function outcomeNames() {
  const [first, ...rest] = index.tasks.map((t) => t.words);
  const names = first && rest.every((words) => words.join() === first.join()) ? first : ANY_TASK;
  return names.filter(Boolean);
}

function fillFilters() {
  byId("f-task").replaceChildren(option("All tasks", ""), ...index.tasks.map((t, i) => option(several() ? `${t.task} · ${t.model}` : t.task, i)));
  byId("f-outcome").replaceChildren(option("Any verdict", ""), ...outcomeNames().map((o, i) => option(o, i)));
  byId("f-attribute").replaceChildren(option("Any attribute", ""), ...index.attributes.map((a, i) => option(a, i)));
  fillValues();
}

const several = () => new Set(index.tasks.map((t) => t.model)).size > 1;

function fillValues() {
  const attribute = byId("f-attribute").value;
  const select = byId("f-value");
  select.disabled = attribute === "";
  if (attribute === "") return select.replaceChildren(option("Any value", ""));
  const counts = new Map();
  const grouped = index.grouped[attribute];
  for (const person of index.rows.persona) counts.set(grouped[person], (counts.get(grouped[person]) || 0) + 1);
  const names = index.groups[attribute];
  const listed = [...counts].sort(([a, n], [b, m]) => m - n || names[a].localeCompare(names[b])).slice(0, 300);
  const short = (text) => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
  select.replaceChildren(option("Any value", ""), ...listed.map(([code, n]) => option(`${short(names[code])} (${n})`, code)));
}

function apply() {
  const started = performance.now();
  const rows = index.rows;
  const task = byId("f-task").value, verdict = byId("f-outcome").value;
  const attribute = byId("f-attribute").value, group = byId("f-value").value;
  const words = byId("f-text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const grouped = attribute === "" || group === "" ? null : index.grouped[attribute];
  found = [];
  for (let i = 0; i < rows.task.length; i++) {
    if (task !== "" && rows.task[i] !== Number(task)) continue;
    if (verdict !== "" && rows.outcome[i] !== Number(verdict)) continue;
    if (grouped !== null && grouped[rows.persona[i]] !== Number(group)) continue;
    if (words.length && !words.every((w) => haystacks[i] !== undefined && haystacks[i].includes(w))) continue;
    found.push(i);
  }
  page = 0;
  show();
  document.body.dataset.filtered = String(Math.round(performance.now() - started));
}

function show() {
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  const rows = found.slice(page * PAGE, page * PAGE + PAGE).map((position, i) => el("li", {}, rowButton(position, page * PAGE + i)));
  byId("rows").replaceChildren(...rows);
  const total = index.rows.task.length;
  const reading = haystacks.length < total && byId("f-text").value.trim() ? ` (searched ${haystacks.length.toLocaleString("en")} so far)` : "";
  byId("status").textContent = `${found.length.toLocaleString("en")} of ${total.toLocaleString("en")} samples${reading}`;
  byId("pager").hidden = pages < 2;
  byId("p-where").textContent = `Page ${page + 1} of ${pages}`;
  byId("p-back").disabled = page === 0;
  byId("p-on").disabled = page === pages - 1;
}

function rowButton(position, place) {
  const person = index.rows.persona[position];
  const who = SHOWN.map((name) => value(index.attributes.indexOf(name), person)).filter((v) => v !== null).join(" · ");
  const task = index.tasks[index.rows.task[position]];
  const about = index.tasks.length > 1 ? `${task.task}${several() ? ` · ${task.model}` : ""} · ${who}` : who;
  const question = index.questions[index.rows.question[position]];
  return el("button", { type: "button", "data-position": position, on: { click: () => open(place) } },
    outcome(index.rows.outcome[position], position),
    el("span", { class: "question", text: question.slice(0, 400) }),
    el("span", { class: "who", text: about.slice(0, 300) }),
    bearing(position) ? el("span", { class: "bears", text: `bears: ${bearing(position).slice(0, 300)}` }) : null);
}

const bearing = (position) => index.bearing[index.rows.bears[position]];

async function open(place) {
  current = place;
  const position = found[place];
  const body = byId("d-body");
  const variants = await sampleAt(position);
  if (current !== place) return;
  body.replaceChildren(...sampleBody(variants, position));
  byId("d-where").textContent = `${(place + 1).toLocaleString("en")} of ${found.length.toLocaleString("en")}`;
  byId("d-back").disabled = place === 0;
  byId("d-on").disabled = place === found.length - 1;
  if (!byId("sample").open) byId("sample").showModal();
  body.scrollTop = 0;
  body.focus();
}

function step(by) {
  const next = current + by;
  if (next >= 0 && next < found.length) open(next);
}

function turn(by) {
  page += by;
  show();
  byId("samples").scrollIntoView();
  byId("rows").querySelector("button")?.focus({ preventScroll: true });
}

async function start() {
  if (typeof DecompressionStream === "undefined") {
    byId("status").textContent = "This browser cannot unpack the samples; one of 2023 or later can.";
    return;
  }
  index = await unpack(byId("index"));
  fillFilters();
  const again = () => { clearTimeout(wait); wait = setTimeout(apply, 60); };
  byId("f-text").addEventListener("input", again);
  byId("f-attribute").addEventListener("change", () => { fillValues(); apply(); });
  for (const id of ["f-task", "f-outcome", "f-value"]) byId(id).addEventListener("change", apply);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(() => { fillValues(); apply(); }, 0));
  byId("p-back").addEventListener("click", () => turn(-1));
  byId("p-on").addEventListener("click", () => turn(1));
  byId("d-back").addEventListener("click", () => step(-1));
  byId("d-on").addEventListener("click", () => step(1));
  byId("d-close").addEventListener("click", () => byId("sample").close());
  byId("sample").addEventListener("click", (event) => { if (event.target === byId("sample")) byId("sample").close(); });
  byId("sample").addEventListener("close", () => byId("rows").querySelector(`[data-position="${found[current]}"]`)?.focus());
  document.addEventListener("keydown", (event) => {
    if (!byId("sample").open || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  apply();
  document.body.dataset.ready = String(Math.round(performance.now()));
  await readAll(() => { if (byId("f-text").value.trim()) apply(); });
  document.body.dataset.searchable = String(Math.round(performance.now()));
}

if (byId("rows")) start();
