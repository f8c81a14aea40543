// The page's state in the location's hash: filters, order, page, and the sample that is open. A hash is a stranger's word:
// it is looked up, and what is not there is passed by.
const PLACE = "#samples?";
let restoring = true;
// While the step of a sample that was closed is taken back.
let leaving = null;

function state() {
  const kept = new URLSearchParams();
  const put = (name, text) => { if (text !== "" && text !== null) kept.append(name, text); };
  put("q", byId("f-text").value.trim());
  for (const made of facets) {
    if (made.attribute) {
      if (made.attribute.value !== "") put("a", JSON.stringify([index.attributes[made.attribute.value], made.chosen < 0 ? "" : made.names[made.chosen]]));
    } else if (made.chosen >= 0) put(made.id.slice(2), made.id === "f-outcome" ? String(made.chosen) : made.names[made.chosen]);
  }
  if (between !== null) put("between", between.join("-"));
  if (order.by) put("order", `${order.down ? "-" : ""}${order.by}`);
  if (page) put("page", String(page + 1));
  if (labelling()) put("labelling", "1");
  if (byId("sample").open && shownAt >= 0) {
    put("in", taskOf(shownAt).task);
    if (models() > 1) put("model", taskOf(shownAt).model);
    put("document", String(index.rows.doc[shownAt]));
    put("variant", shownVariant);
  }
  return kept.toString();
}

// `entry` makes a step to which Back returns; else the current one is said anew.
function saveState(entry = false) {
  if (restoring) return;
  const kept = state();
  if (!kept && !location.hash.startsWith(PLACE)) return;
  const hash = kept ? PLACE + kept : "#samples";
  if (entry) history.pushState({ opened: true }, "", hash);
  else history.replaceState(history.state, "", hash);
}

function closed() {
  byId("sample").dataset.drawer = "";
  // Who came back has left the sample's step already, and another sample may be open by now.
  if (byId("sample").open || !said().has("document")) return;
  if (!history.state?.opened) return saveState();
  leaving = new Promise((go) => addEventListener("popstate", go, { once: true })).then(() => { leaving = null; saveState(); });
  history.back();
}

const said = () => new URLSearchParams(location.hash.startsWith(PLACE) ? location.hash.slice(PLACE.length) : "");

function restoreFilters(said) {
  byId("f-text").value = said.get("q") || "";
  clearFilters();
  const wanted = said.getAll("a");
  for (const made of facets) {
    if (made.attribute) restoreAttribute(made, wanted);
    else {
      const text = said.get(made.id.slice(2));
      const code = text === null ? -1 : made.id === "f-outcome" ? Number(text) : made.names.indexOf(text);
      if (made.order.includes(code)) { made.chosen = code; made.select.value = String(code); }
    }
  }
  const entries = (said.get("between") || "").split("-").map(Number);
  between = entries.length === 2 && entries.every((n) => index.tasks[n]) ? entries : null;
  const by = (said.get("order") || "").replace(/^-/, "");
  order = Object.hasOwn(ORDERS, by) ? { by, down: said.get("order").startsWith("-") } : { by: "", down: false };
  page = Math.max(0, (Number.parseInt(said.get("page"), 10) || 1) - 1);
  if (facets.some((made) => (made.chosen >= 0 || (made.attribute && made.attribute.value !== "")) && byId("facets").contains(made.select))) byId("more").open = true;
}

function restoreAttribute(made, wanted) {
  if (!wanted.length) return;
  let named = null;
  try { named = JSON.parse(wanted.shift()); } catch (error) { return; }
  const attribute = Array.isArray(named) ? index.attributes.indexOf(named[0]) : -1;
  if (attribute < 0) return;
  made.use(attribute);
  const code = made.names.indexOf(named[1]);
  if (made.order.includes(code)) { made.chosen = code; made.select.value = String(code); }
}

function wantedSample(said) {
  const wanted = said.get("document");
  if (wanted === null) return -1;
  for (let i = 0; i < index.rows.task.length; i++) {
    const task = taskOf(i);
    if (task.task === said.get("in") && index.rows.doc[i] === Number(wanted) && (models() < 2 || task.model === said.get("model"))) return i;
  }
  return -1;
}

async function restore(scroll) {
  const ours = location.hash.startsWith(PLACE);
  const wanted = said();
  restoring = true;
  try {
    if (wanted.get("labelling") === "1") setLabelling(true, false);
    if (scroll || (ours && wanted.toString() !== state())) { restoreFilters(wanted); apply(true); }
    const position = wantedSample(wanted);
    if (position < 0) { if (byId("sample").open) byId("sample").close(); }
    else {
      // A search finds only what was read by now.
      if (!found.includes(position) && searched().length && wordsRead.samples < index.rows.task.length) { await allRead; apply(true); }
      let place = found.indexOf(position);
      // A link to a sample that its filters do not hold shows the sample all the same.
      if (place < 0) { byId("f-text").value = ""; clearFilters(); apply(); place = found.indexOf(position); }
      page = Math.floor(place / PAGE);
      show();
      if (!(byId("sample").open && shownAt === position)) await open(place, wanted.get("variant") || "");
    }
  } finally {
    restoring = false;
  }
  if (scroll && ours && performance.getEntriesByType("navigation")[0]?.type !== "reload") byId("samples").scrollIntoView();
}

function startLinks() {
  addEventListener("popstate", () => { if (leaving === null) restore(false); });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.('a[href^="#samples?"]')) setTimeout(() => byId("samples").scrollIntoView(), 50);
  });
  restore(true);
}
