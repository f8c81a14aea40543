// Labels given in the report: the critic's verdict is hidden until there is one, and a label given after it was in sight is
// marked not blind.
const book = new Book({ place: `persona-metrics/report/${config.place}`, format: config.label_format, sheet: "", keys: (key) => labelPlaces.has(key), rater: () => byId("l-rater")?.value.trim() || "", tab: config.live === null ? "" : "persona-metrics labels" });
const labelPlaces = new Map();
const revealed = new Set();
let labelMode = false;
let openedAt = 0;
let bars = [];
let watcher = null;

const labelling = () => labelMode;
const isHidden = (variant) => labelMode && Boolean(variant.key) && !book.own[variant.key] && !revealed.has(variant.key);
const hiddenRow = (position) => labelMode && (labelable[position] === undefined || labelable[position].some(([key]) => !book.own[key] && !revealed.has(key)));
const covered = () => el("span", { class: "outcome covered", text: "hidden" });
const labelOf = (variant) => (variant.key && book.own[variant.key]?.label) || variant.label || "";

// 0 agrees, 1 differs, 2 cannot tell, 3 none: of several answers of a sample the first of differs, agrees, cannot tell.
function labelCode(position) {
  let code = 3;
  for (const [key, verdict, given] of labelable[position] || []) {
    const label = book.own[key]?.label || given;
    if (!label) continue;
    if (label === "cannot tell" || verdict > 1) code = Math.min(code, 2);
    else if ((label === "no") !== (verdict === 0)) return 1;
    else code = 0;
  }
  return code;
}

function noteSeen(variant) {
  if (!variant.key || isHidden(variant) || book.own[variant.key] || book.seen[variant.key]) return;
  book.seen[variant.key] = 1;
  book.draft();
}

// A verdict that was on the screen in the list was seen, too.
function watchRows() {
  watcher?.disconnect();
  if (labelMode) return;
  watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) target.dataset.seen = "1";
  });
  for (const row of byId("rows").querySelectorAll("button")) watcher.observe(row);
}

function rowsSeen() {
  for (const row of byId("rows").querySelectorAll("button[data-seen]")) {
    for (const [key] of labelable[row.dataset.position] || []) if (!book.own[key]) book.seen[key] = 1;
  }
}

function labelBar(variant) {
  if (!labelMode || !variant.key) return null;
  const key = variant.key;
  const own = book.own[key];
  const note = el("input", { autocomplete: "off", maxlength: "2000", class: "l-note" });
  note.value = own ? own.note : "";
  note.addEventListener("input", () => { if (book.own[key]) { book.own[key].note = note.value; book.draft(); labelStatus(); } });
  const give = (label) => {
    book.label(key, label, note.value, (Date.now() - openedAt) / 1000, shownAt);
    openedAt = Date.now();
    afterLabel();
  };
  const button = (label, text, number) => el("button", { type: "button", "data-label": label, "aria-pressed": String(own?.label === label), on: { click: () => give(label) } }, el("kbd", { text: number }), ` ${text}`);
  const blind = own ? own.blind : !book.seen[key];
  const bar = el("div", { class: "label-bar", role: "group", "aria-label": `Needs a revision? ${variant.name}` },
    el("span", { text: "Needs a revision?" }), button("yes", "Yes", "1"), button("no", "No", "2"), button("cannot tell", "Cannot tell", "3"),
    el("label", {}, el("kbd", { text: "n" }), " Note ", note),
    own ? null : el("button", { type: "button", class: "quiet", text: blind ? "Show the verdict first" : "Show the verdict", on: { click: () => { revealed.add(key); redraw(); } } }),
    el("span", { class: "about", text: blind ? "blind" : "not blind: its verdict was in sight before" }),
    variant.label && own ? el("span", { class: "about", text: `others said: ${variant.label}` }) : null);
  bars.push({ key, bar, give, note });
  return bar;
}

// The bar that keys speak to: the first without a label, else the last that was made.
function activeBar() {
  bars = bars.filter(({ bar }) => bar.isConnected);
  return bars.find(({ key }) => !book.own[key]) || bars[bars.length - 1];
}

function labelKeys() {
  if (!labelMode) return {};
  const give = (label) => () => activeBar()?.give(label);
  return { 1: give("yes"), 2: give("no"), 3: give("cannot tell"), n: () => activeBar()?.note.focus(), u: takeBack };
}

function takeBack() {
  if (book.undo()) afterLabel();
}

function afterLabel() {
  labelStatus();
  facets.filter((f) => f.id === "f-label").forEach(fillFacet);
  redraw();
  apply(true);
}

function labelStatus() {
  const open = book.unsaved();
  const done = Object.keys(book.own).length;
  byId("l-status").textContent = `${several(done, "label")}${open ? `, ${open} not saved${book.keeps ? "" : ", and no drafts are kept here"}` : done ? ", all saved" : ""}`;
  byId("l-back").disabled = book.history.length === 0;
}

function setLabelling(on, draw = true) {
  if (on && !labelMode) rowsSeen();
  labelMode = on;
  byId("l-on").checked = on;
  byId("l-tools").hidden = !on;
  // What sorts or filters by the verdict would tell it.
  for (const made of facets.filter((f) => f.revealing)) {
    if (on) { made.chosen = -1; made.select.value = ""; }
    made.select.disabled = on;
  }
  for (const button of byId("orders").querySelectorAll("button")) button.disabled = on && Boolean(ORDERS[button.dataset.by]?.revealing);
  if (on && ORDERS[order.by]?.revealing) order = { by: "", down: false };
  if (on) between = null;
  if (draw) { apply(); redraw(); }
}

function saveLabels() {
  if (!book.rater()) {
    byId("l-message").textContent = "Please give your name or initials first: labels of several people are told apart by them.";
    byId("l-rater").focus();
    return;
  }
  byId("l-message").textContent = "";
  book.save([...labelPlaces.keys()], "report");
  labelStatus();
}

function startLabels() {
  byId("l-rater").value = book.restore();
  byId("l-on").addEventListener("change", () => setLabelling(byId("l-on").checked));
  byId("l-rater").addEventListener("input", () => book.draft());
  byId("l-save").addEventListener("click", saveLabels);
  byId("l-back").addEventListener("click", takeBack);
  byId("l-open").addEventListener("change", async () => {
    byId("l-message").textContent = await book.open([...byId("l-open").files], (rater) => { if (!book.rater()) byId("l-rater").value = rater; });
    byId("l-open").value = "";
    afterLabel();
  });
  addEventListener("beforeunload", (event) => { if (labelMode && book.unsaved() && !refreshing) event.preventDefault(); });
  labelStatus();
}

// Once every block was read it is known which answers can be labelled.
function labelsKnown() {
  labelable.forEach((answers, position) => { for (const [key] of answers) if (!labelPlaces.has(key)) labelPlaces.set(key, position); });
  byId("l-on").disabled = labelPlaces.size === 0;
  const made = facets.find((f) => f.id === "f-label");
  if (made && (index.labelled || Object.keys(book.own).length || labelMode)) { fillFacet(made); apply(true); }
}
