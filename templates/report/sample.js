// One sample in the dialog: its variants by what the evaluation asked, the persona beside them.
let current = -1;
let shownAt = -1;
let shownVariant = "";

function leftOut(variant, person) {
  const texts = variant.dropped.map((name) => [name, value(index.attributes.indexOf(name), person)]).filter(([, text]) => text !== null);
  const said = texts.length > 4 ? `${texts.length} attributes` : texts.map(([name, text]) => `${name} (${short(text, 80)})`).join(", ");
  return el("p", { class: "leftout", text: `Left out: ${said || "nothing that this persona states"}` });
}

function chipRow(label, variants, position, chosen, choose, flipped = () => false) {
  const chips = el("div", { class: "chips", role: "group", "aria-label": label });
  for (const variant of variants) {
    const turned = flipped(variant);
    chips.append(el("button", { type: "button", "data-name": variant.name, class: turned ? "flip" : "", title: turned ? "another verdict than with the whole persona" : null, "aria-pressed": String(variant.name === chosen), on: { click: () => choose(variant) } },
      `${variant.name} `, mark(variant, position)));
  }
  return chips;
}

const press = (chips, name) => { for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.dataset.name === name)); };

// Leave-one-out: the whole persona at the left, the variant that is chosen at the right; flips first.
function besides(variants, person, position, wanted) {
  const whole = variants.find((v) => v.name === "whole") || variants[0];
  const fits = (v) => ({ 0: true, 1: false, 3: false })[v.outcome];
  const flipped = (v) => !isHidden(v) && !isHidden(whole) && fits(v) !== undefined && fits(whole) !== undefined && fits(v) !== fits(whole);
  const others = variants.filter((v) => v !== whole).sort((a, b) => flipped(b) - flipped(a));
  const holder = el("div");
  const chips = chipRow("Variants", others, position, "", (variant) => choose(variant, true), flipped);
  function choose(variant, asked) {
    press(chips, variant.name);
    if (asked) sayVariant(variant.name);
    showPersona(position, person, variant.dropped, "The persona, with what was left out");
    holder.replaceChildren(
      el("div", { class: "pair" },
        el("div", {}, el("h3", {}, "Whole persona ", mark(whole, position)), el("p", { class: "leftout", text: "Nothing left out" }), variantBody(whole, position)),
        el("div", {}, el("h3", {}, `${capital(variant.name)} `, mark(variant, position)), leftOut(variant, person), variantBody(variant, position))));
  }
  if (others.length) choose(others.find((v) => v.name === wanted) || others[0], false);
  return el("div", {}, chips, others.length ? holder : variantBody(whole, position));
}

// Attempts at the same prompt, or answers held against each other: a strip of marks, and one below the other.
function attempts(variants, position, wanted) {
  const list = el("ol", { class: "attempts" });
  const named = variants.findIndex((v) => v.name === wanted);
  const first = named >= 0 ? named : Math.max(0, labelling() ? 0 : variants.findIndex((v) => v.outcome === 0));
  const strip = el("div", { class: "strip", role: "group", "aria-label": "All answers of this sample" });
  variants.forEach((variant, i) => {
    const box = el("details", { open: i === first }, el("summary", {}, el("span", { text: capital(variant.name) }), mark(variant, position)));
    const fill = () => { if (box.open && box.children.length === 1) box.append(variant.person === undefined ? "" : forWhom(variant, position), variantBody(variant, position)); };
    box.addEventListener("toggle", fill);
    fill();
    list.append(el("li", {}, box));
    const word = isHidden(variant) ? "verdict hidden" : taskOf(position).words[variant.outcome];
    strip.append(el("button", { type: "button", class: isHidden(variant) ? "" : `outcome o${variant.outcome}`, "aria-label": `${variant.name}: ${word}`, title: `${variant.name}: ${word}`, text: /^(attempt|reply) \d+$/.test(variant.name) ? String(i + 1) : variant.name,
      on: { click: () => { box.open = true; fill(); sayVariant(variant.name); box.scrollIntoView({ block: "start" }); box.querySelector("summary").focus({ preventScroll: true }); } } }));
  });
  return el("div", {}, strip, list);
}

function forWhom(variant, position) {
  return el("details", { class: "sent" }, el("summary", { text: "Judged for this other person" }), personaList(position, variant.person));
}

function sampleBody(variants, position, wanted) {
  const person = index.rows.persona[position];
  const task = taskOf(position);
  const head = [
    el("p", { class: "about", text: `${task.task} · ${task.model} · document ${index.rows.doc[position]}` }),
    named(el("h2", { id: "d-title", dir: "auto" }, ...marked(question(position), searched()))),
  ];
  if (bearing(position)) head.push(el("p", { class: "about bears", text: `Bears on the question: ${bearing(position)}` }));
  const summed = summaryOf(position);
  if (summed && !variants.some(isHidden)) head.push(el("p", { class: "summed", text: capital(summed) }));
  showPersona(position, person);
  if (task.evaluation === "leave_one_out") head.push(besides(variants, person, position, wanted));
  else if (variants.length > 1) head.push(attempts(variants, position, wanted));
  else if (variants.length) head.push(el("p", {}, mark(variants[0], position)), variantBody(variants[0], position));
  return [...head, samePairBox(position)];
}

async function open(place, wanted = "") {
  current = place;
  const position = found[place];
  shownVariant = wanted;
  const variants = await sampleAt(position);
  if (leaving) await leaving;
  if (current !== place || found[place] !== position) return;
  shownAt = position;
  openedAt = Date.now();
  const body = byId("d-main");
  body.replaceChildren(...sampleBody(variants, position, wanted));
  byId("d-where").textContent = `${(place + 1).toLocaleString("en")} of ${found.length.toLocaleString("en")}`;
  byId("d-back").disabled = place === 0;
  byId("d-on").disabled = place === found.length - 1;
  const fresh = !byId("sample").open;
  if (fresh) byId("sample").showModal();
  saveState(fresh);
  byId("d-body").scrollTop = 0;
  byId("d-persona").scrollTop = 0;
  byId("d-body").focus();
}

// Draws the open sample again, where it stands, after a label or a change of how texts are shown.
async function redraw() {
  if (!byId("sample").open) return;
  const top = byId("d-body").scrollTop;
  const variants = await sampleAt(shownAt);
  byId("d-main").replaceChildren(...sampleBody(variants, shownAt, shownVariant));
  byId("d-body").scrollTop = top;
}

function toggleWritten() {
  asWritten = !asWritten;
  byId("d-written").setAttribute("aria-pressed", String(asWritten));
  redraw();
}

function step(by) {
  const next = current + by;
  if (next >= 0 && next < found.length) open(next);
}

const sayVariant = (name) => { shownVariant = name; saveState(); };
