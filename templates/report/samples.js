// Starts the samples' part of the page: listens to its controls and keys.
function keys(event) {
  if (!byId("sample").open || event.altKey || event.ctrlKey || event.metaKey) return;
  if (["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName)) return;
  const act = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), m: toggleWritten, p: togglePersona, ...labelKeys() }[event.key];
  if (act) { event.preventDefault(); act(); }
}

function togglePersona() {
  const open = byId("sample").dataset.drawer !== "open";
  byId("sample").dataset.drawer = open ? "open" : "";
  byId("d-who").setAttribute("aria-expanded", String(open));
}

async function copySample(button) {
  await copyText(JSON.stringify(record(shownAt, await sampleAt(shownAt)), null, 2), button);
}

function listen() {
  let wait = 0;
  const on = (id, event, run) => byId(id).addEventListener(event, run);
  on("f-text", "input", () => { clearTimeout(wait); wait = setTimeout(apply, 60); });
  on("filters", "submit", (event) => event.preventDefault());
  on("filters", "reset", () => setTimeout(() => { clearFilters(); apply(); }, 0));
  on("between-clear", "click", () => { between = null; apply(); });
  on("p-back", "click", () => turn(-1));
  on("p-on", "click", () => turn(1));
  on("e-csv", "click", (event) => exportFound("csv", event.target));
  on("e-jsonl", "click", (event) => exportFound("jsonl", event.target));
  on("d-back", "click", () => step(-1));
  on("d-on", "click", () => step(1));
  on("d-written", "click", toggleWritten);
  on("d-who", "click", togglePersona);
  on("d-link", "click", (event) => copyText(location.href, event.target));
  on("d-json", "click", (event) => copySample(event.target));
  on("d-close", "click", () => byId("sample").close());
  on("sample", "click", (event) => { if (event.target === byId("sample")) byId("sample").close(); });
  on("sample", "close", () => { closed(); byId("rows").querySelector(`[data-position="${shownAt}"]`)?.focus(); });
  document.addEventListener("keydown", keys);
}

async function start() {
  if (typeof DecompressionStream === "undefined") {
    byId("status").textContent = "This browser cannot unpack the samples; one of 2023 or later can.";
    return;
  }
  index = await unpack(byId("index"));
  fillFilters();
  fillOrders();
  listen();
  startLabels();
  startLinks();
  document.body.dataset.ready = String(Math.round(performance.now()));
  await readAll(() => { if (searched().length) apply(true); });
  sayRead();
  labelsKnown();
  document.body.dataset.searchable = String(Math.round(performance.now()));
}

if (byId("rows")) start();
if (live()) startLive();
