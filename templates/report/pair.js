// All answers to one persona and question in the report, as chips; any two of them side by side, word for word.
function samePairBox(position) {
  const positions = samePair(position);
  const box = el("details", { class: "same" }, el("summary", { text: `The same persona and question: ${several(positions.length, "sample")} in this report` }));
  box.addEventListener("toggle", async () => {
    if (!box.open || box.children.length > 1) return;
    box.append(el("p", { class: "about", text: "Choose two answers to see them side by side." }));
    const groups = await Promise.all(positions.map(async (p) => [p, answersOf(p, await sampleAt(p))]));
    fillPair(box, position, groups);
  });
  return box;
}

// The states of a sample's answers: each variant, and where it was revised each of its rounds.
function answersOf(position, variants) {
  return variants.flatMap((variant) => (variant.rounds || [null]).map((round, i) => ({
    position, variant, name: round === null ? variant.name : `${variant.name}, ${i ? `revision ${i}` : "original"}`,
    text: round === null ? (variant.failure === null ? variant.answer : variant.reply || "") : round.answer,
    outcome: round === null || isHidden(variant) ? mark(variant, position) : outcome(round.outcome, position),
  })));
}

function fillPair(box, position, groups) {
  const holder = el("div", { class: "compared", "aria-live": "polite" });
  const chips = new Map();
  const own = groups.find(([p]) => p === position)[1];
  let picked = [own[0], (own.length === 1 && groups.find(([p]) => p !== position)?.[1][0]) || own[1]].filter(Boolean);
  const draw = () => {
    for (const [answer, chip] of chips) chip.setAttribute("aria-pressed", String(picked.includes(answer)));
    holder.replaceChildren(...(picked.length === 2 ? sideBySide(...picked, position) : []));
  };
  for (const [p, answers] of groups) {
    const row = el("div", { class: "chips", role: "group", "aria-label": taskName(taskOf(p)) }, el("span", { class: "about", text: `${taskName(taskOf(p))}${p === position ? " (this one)" : ""}` }));
    for (const answer of answers) {
      const chip = el("button", { type: "button", on: { click: () => { picked = picked.includes(answer) ? picked.filter((a) => a !== answer) : [...picked, answer].slice(-2); draw(); } } }, `${answer.name} `, answer.outcome);
      chips.set(answer, chip);
      row.append(chip);
    }
    box.append(row);
  }
  box.append(holder);
  draw();
}

function sideBySide(left, right, position) {
  const found = wordDiff(left.text, right.text);
  const texts = found || [[[left.text, true]], [[right.text, true]]];
  const side = (answer, parts, tag) => {
    const head = el("h4", {}, `${taskName(taskOf(answer.position))} · ${answer.name} `, answer.outcome.cloneNode(true));
    const go = answer.position === position ? null : el("button", { type: "button", class: "quiet", text: "Open this sample", on: { click: () => openPosition(answer.position, answer.variant.name) } });
    const text = named(el("p", { class: "text", dir: "auto" }, ...parts.map(([words, shared]) => (shared ? words : el(tag, { text: words })))));
    return el("div", { class: "side" }, head, go, text);
  };
  const note = found === null ? "These two are too long to be compared word by word." : left.text === right.text ? "The two answers are the same." : "Words that only one of them has are marked.";
  return [el("p", { class: "about", text: note }), el("div", { class: "sides" }, side(left, texts[0], "del"), side(right, texts[1], "ins"))];
}

// Opens a sample wherever it stands; filters that leave it out are taken away.
function openPosition(position, variant = "") {
  if (!found.includes(position)) { byId("f-text").value = ""; clearFilters(); apply(); }
  open(found.indexOf(position), variant);
}
