// Filters that combine. Each counts, beside its values, the samples that all the others leave.
const ANY_TASK = ["personalised", "needs revision", "no verdict", "no answer", "differs", "picked", "tie"];
const MOST_VALUES = 300;
const MOST_ATTRIBUTES = 4;
const VOTES = ["all votes agree", "votes differ"];
const SAID = ["agrees with the critic", "differs from the critic", "cannot tell", "not labelled"];
const facets = [];
// The samples that a comparison's count stands for: [entry that fits, entry that does not].
let between = null;

// Tasks of one kind share their words; of several kinds the filter has the debate's.
function outcomeNames() {
  const [first, ...rest] = index.tasks.map((t) => t.words);
  return first && rest.every((words) => words.join() === first.join()) ? first : ANY_TASK;
}

// A facet's `of` gives a sample's code, a list of codes, or -1; `names` what each code reads. The outcome is kept as its number.
function facet(id, any, names, of, revealing = false) {
  const made = { id, any, names, of, revealing, chosen: -1, select: byId(id), counts: null, order: [] };
  facets.push(made);
  made.select.addEventListener("change", () => { made.chosen = made.select.value === "" ? -1 : Number(made.select.value); apply(); });
  fillFacet(made);
  return made;
}

function fillFacet(made) {
  const total = new Map();
  const count = (code) => total.set(code, (total.get(code) || 0) + 1);
  // Looked up once: filters run over all samples at every key.
  made.codes = index.rows.task.map((_, i) => made.of(i));
  for (const code of made.codes) {
    if (Array.isArray(code)) code.forEach(count);
    else if (code >= 0) count(code);
  }
  if (made.all) made.names.forEach((_, code) => total.set(code, total.get(code) || 0));
  const listed = [...total].filter(([code]) => made.names[code]);
  if (made.sorted) listed.sort(([a, n], [b, m]) => m - n || String(made.names[a]).localeCompare(String(made.names[b])));
  else listed.sort(([a], [b]) => a - b);
  made.order = listed.slice(0, MOST_VALUES).map(([code]) => code);
  made.select.replaceChildren(option(made.any, ""), ...made.order.map((code) => option(short(made.names[code], 60), code)));
  made.select.value = made.chosen < 0 ? "" : String(made.chosen);
  return listed.length;
}

function extraFacet(id, label, any, names, of, revealing, all = false) {
  byId("facets").append(el("label", {}, `${label} `, el("select", { id })));
  const made = facet(id, any, names, of, revealing);
  made.sorted = !all;
  made.all = all;
  if (!fillFacet(made)) { byId(id).parentElement.remove(); facets.splice(facets.indexOf(made), 1); }
}

function attributeFacet(number) {
  const ids = number ? [`f-attribute-${number + 1}`, `f-value-${number + 1}`] : ["f-attribute", "f-value"];
  if (number) {
    byId("facets").append(el("div", { class: "both" },
      el("label", {}, "And attribute ", el("select", { id: ids[0] })), el("label", {}, "Value ", el("select", { id: ids[1] }))));
  }
  const attribute = byId(ids[0]);
  attribute.replaceChildren(option("Any attribute", ""), ...index.attributes.map((a, i) => (index.values[i].length ? option(a, i) : null)).filter(Boolean));
  const made = facet(ids[1], "Any value", [], () => -1);
  made.sorted = true;
  made.attribute = attribute;
  made.use = (code) => {
    attribute.value = code === "" ? "" : String(code);
    made.chosen = -1;
    made.names = code === "" ? [] : index.groups[code];
    made.of = code === "" ? () => -1 : (i) => index.grouped[code][index.rows.persona[i]];
    made.select.disabled = code === "";
    fillFacet(made);
  };
  made.use("");
  attribute.addEventListener("change", () => { made.use(attribute.value); apply(); });
  return made;
}

function fillFilters() {
  const rows = index.rows;
  facet("f-task", "All tasks", index.tasks.map(taskName), (i) => rows.task[i]);
  facet("f-outcome", "Any verdict", outcomeNames(), (i) => rows.outcome[i], true);
  attributeFacet(0);
  const kinds = index.tasks.map((t) => t.evaluation);
  const flipped = [...new Set(index.flips.flat())];
  const codes = index.flips.map((names) => names.map((name) => flipped.indexOf(name)));
  extraFacet("f-flips", "Flips without", "Any", flipped, (i) => codes[rows.flips[i]], true);
  const summed = (i) => (kinds[rows.task[i]] === "leave_one_out" || !index.summaries[rows.summary[i]] ? -1 : rows.summary[i]);
  extraFacet("f-summary", "What came of it", "Anything", index.summaries, summed, true);
  extraFacet("f-why", "Nothing because", "Any reason", index.reasons, (i) => (index.reasons[rows.why[i]] ? rows.why[i] : -1), true);
  extraFacet("f-votes", "Votes", "Any votes", VOTES, (i) => (rows.split[i] < 0 ? -1 : Number(rows.split[i] > 0)), true);
  extraFacet("f-label", "Labels", "Any label", SAID, (i) => labelCode(i), false, true);
  for (let number = 1; number < MOST_ATTRIBUTES; number++) attributeFacet(number);
}

const searched = () => byId("f-text").value.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 20);

// Of a pair that two entries share: the sample of either, where the first fits and the second does not.
function inBetween(i) {
  const [won, lost] = between;
  const task = index.rows.task[i];
  if (task !== won && task !== lost) return false;
  const outcomes = new Map(samePair(i).map((p) => [index.rows.task[p], index.rows.outcome[p]]));
  return outcomes.get(won) === 0 && [1, 3].includes(outcomes.get(lost));
}

const passes = (made, code) => (typeof code === "number" ? code === made.chosen : code.includes(made.chosen));

function add(made, code) {
  if (typeof code !== "number") for (const one of code) made.counts[one] += 1;
  else if (code >= 0) made.counts[code] += 1;
}

// Returns the positions that pass, and fills each facet's counts in the same walk.
function filtered() {
  const words = searched();
  const holds = words.length ? wordsRead.finds(words) : null;
  for (const made of facets) made.counts = new Int32Array(made.names.length);
  const counted = facets.filter((made) => made.order.length);
  const narrowing = counted.filter((made) => made.chosen >= 0);
  const kept = [];
  const total = index.rows.task.length;
  for (let i = 0; i < total; i++) {
    let failed = null;
    let fails = 0;
    for (const made of narrowing) {
      if (!passes(made, made.codes[i])) { failed = made; fails += 1; }
    }
    if (fails > 1 || (between !== null && !inBetween(i))) continue;
    if (holds !== null && !holds(i)) continue;
    if (fails === 1) { add(failed, failed.codes[i]); continue; }
    for (const made of counted) add(made, made.codes[i]);
    kept.push(i);
  }
  return kept;
}

function showCounts() {
  for (const made of facets) {
    made.order.forEach((code, i) => {
      const text = `${short(made.names[code], 60)} (${made.counts[code].toLocaleString("en")})`;
      const shown = made.select.options[i + 1];
      if (shown.text !== text) shown.text = text;
    });
  }
  const used = facets.filter((made) => made.chosen >= 0 && byId("facets").contains(made.select)).length;
  byId("more").querySelector("summary").textContent = used ? `More filters (${used} in use)` : "More filters";
  byId("between").hidden = between === null;
  if (between !== null) {
    const [won, lost] = between.map((number) => taskName(index.tasks[number]));
    byId("between-text").textContent = `Pairs that ${won} answers fittingly and ${lost} does not.`;
  }
}

function clearFilters() {
  between = null;
  for (const made of facets) {
    if (made.use) made.use("");
    made.chosen = -1;
    made.select.value = "";
  }
}
