// The parts of a sample: the persona, an answer with its prompt, the votes. As Markdown, or as it was written (key m).
let asWritten = false;

const outcome = (code, position) => el("span", { class: `outcome o${code}`, text: taskOf(position).words[code] });
const mark = (variant, position) => (isHidden(variant) ? covered() : outcome(variant.outcome, position));

function prose(text) {
  const made = asWritten ? el("p", { class: "text", dir: "auto", text }) : el("div", { class: "md" }, ...markdown(text));
  return markWithin(named(made), searched());
}

// What bears on the question stands first: what decides an answer, then what colours it.
function personaList(position, person, dropped = []) {
  const bears = index.bearing[index.rows.bears[position]] || [[], []];
  const groups = [["Decides", bears[0]], ["Colours", bears[1]], ["", index.attributes.filter((a) => !bears[0].includes(a) && !bears[1].includes(a))]];
  const list = el("div", { class: "persona" });
  for (const [heading, names] of groups) {
    const stated = names.map((name) => [name, index.attributes.indexOf(name)]).filter(([, a]) => a >= 0 && value(a, person) !== null);
    if (!stated.length) continue;
    if (bears[0].length || bears[1].length) list.append(el("h4", { text: heading || "Does not bear on it" }));
    list.append(el("dl", { class: heading ? "first" : "" }, ...stated.map(([name, a]) =>
      el("div", { class: dropped.includes(name) ? "out" : "" }, el("dt", { text: name }), el("dd", { dir: "auto", text: value(a, person) })))));
  }
  return markWithin(list, searched());
}

function showPersona(position, person, dropped = [], heading = "The persona") {
  byId("d-persona").replaceChildren(el("h3", { text: heading }), personaList(position, person, dropped));
}

function answerBox(variant, position) {
  const task = taskOf(position);
  const box = el("div", { class: "answer" }, el("h3", { text: "Answer" }));
  if (variant.failure !== null) {
    box.append(el("p", { class: "text", text: `No answer was found: ${variant.failure}.` }));
    if (variant.reply) box.append(el("h3", { text: "Reply" }), prose(variant.reply));
  } else box.append(prose(variant.answer));
  if (variant.long) {
    const where = `Cut after ${config.longest.toLocaleString("en")} of ${variant.long.toLocaleString("en")} characters${task.file ? `; the full text: document ${index.rows.doc[position]} in ${task.file}` : ""}.`;
    box.append(el("p", { class: "cut", text: where }));
  }
  if (variant.rounds) box.append(revisions(variant, position));
  if (variant.sent.length) box.append(sentBox(variant, position));
  return box;
}

function revisions(variant, position) {
  const said = isHidden(variant) ? [covered()] : variant.rounds.flatMap((r, i) => [i ? " → " : "", outcome(r.outcome, position)]);
  return el("p", { class: "about rounds" }, `${several(variant.rounds.length - 1, "revision")}: `, ...said);
}

// Made when it is opened: prompts are long, and most are never looked at.
function sentBox(variant, position) {
  const box = el("details", { class: "sent" }, el("summary", { text: "Prompt as sent" }));
  box.addEventListener("toggle", () => {
    if (!box.open || box.children.length > 1) return;
    const sampling = Object.entries(sentText(variant.sent[1]) || {}).filter(([, v]) => v !== null && !(Array.isArray(v) && !v.length));
    if (sampling.length) box.append(el("p", { class: "about", text: sampling.map(([name, v]) => `${name} ${typeof v === "object" ? JSON.stringify(v) : v}`).join(" · ") }));
    for (const [role, text] of promptOf(variant, position)) box.append(role ? el("h4", { text: role }) : "", el("p", { class: "text", dir: "auto", text }));
  });
  return box;
}

// Who voted how, before any text: "2 of 3 votes: personalised".
function tally(variant, position) {
  if (variant.votes.length < 2) return null;
  const words = taskOf(position).words;
  const counts = new Map();
  for (const vote of variant.votes) counts.set(vote.code, (counts.get(vote.code) || 0) + 1);
  const critics = [...new Set(variant.votes.map((v) => v.critic))];
  const of = (critic) => variant.votes.filter((v) => v.critic === critic).map((v) => words[v.code]);
  const each = critics.length > 1 ? critics.map((c) => `${c}: ${[...new Set(of(c))].join(", ")}`).join(" · ") : "";
  const said = [...counts].sort((a, b) => b[1] - a[1]).map(([code, n]) => el("span", { class: `outcome o${code}`, text: `${n} ${words[code]}` }));
  return el("p", { class: "tally" }, `${variant.votes.length} votes: `, ...said, each ? el("span", { class: "about", text: each }) : null);
}

function usage(vote) {
  const asked = vote.prompt_tokens !== undefined || vote.completion_tokens !== undefined;
  return [
    vote.served && vote.served !== vote.critic ? `served by ${vote.served}` : "",
    asked ? `${(vote.prompt_tokens || 0).toLocaleString("en")} + ${(vote.completion_tokens || 0).toLocaleString("en")} tokens` : "",
    vote.latency !== undefined ? `${vote.latency.toFixed(1)} s` : "",
    vote.attempts > 1 ? several(vote.attempts, "attempt") : "",
    vote.stored ? "from the store" : "",
  ].filter(Boolean).join(" · ");
}

function opinion(vote, number, count, position) {
  const title = count > 1 ? `Vote ${number + 1} of ${count} · critic ${vote.critic}` : `Critic ${vote.critic}`;
  const box = el("div", { class: "debate", role: "group", "aria-label": title });
  const about = vote.about ? `${title} · ${vote.about}` : title;
  box.append(el("p", {}, el("span", { class: "about", text: `${about} ` }), outcome(vote.code, position)));
  if (usage(vote)) box.append(el("p", { class: "about usage", text: usage(vote) }));
  if (vote.texts === null) {
    box.append(el("p", { class: "text", text: `No verdict: ${vote.missing || "unknown"}.` }));
    return box;
  }
  const part = (kind, [heading, text]) => el("div", { class: kind }, el("h3", { text: heading }), prose(text));
  const [first, ...rest] = vote.texts;
  const last = rest.pop();
  if (first && first[1]) box.append(part("whole first", first));
  if (rest.length) box.append(el("div", { class: "sides" }, ...rest.map((text) => part("side", text))));
  if (last) box.append(part("whole last", last));
  return box;
}

function variantBody(variant, position) {
  const debate = isHidden(variant) ? [] : [tally(variant, position), ...variant.votes.map((v, i) => opinion(v, i, variant.votes.length, position))];
  noteSeen(variant);
  return el("div", { class: "variant" }, answerBox(variant, position), labelBar(variant), ...debate.filter(Boolean));
}
