// One sample in the dialog. Texts go in as text and never as markup.
function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, given] of Object.entries(options)) {
    if (name === "text") { node.textContent = given; node.dir = "auto"; }
    else if (name === "on") for (const [event, run] of Object.entries(given)) node.addEventListener(event, run);
    else if (given !== false && given !== null) node.setAttribute(name, given === true ? "" : given);
  }
  node.append(...children.filter((c) => c !== null));
  return node;
}

function outcome(code, position) {
  return el("span", { class: `outcome o${code}`, text: index.tasks[index.rows.task[position]].words[code] });
}

function personaList(person, dropped = []) {
  const list = el("dl", { class: "persona" });
  index.attributes.forEach((name, a) => {
    const text = value(a, person);
    if (text === null) return;
    list.append(el("div", { class: dropped.includes(name) ? "out" : "" }, el("dt", { text: name }), el("dd", { text })));
  });
  return list;
}

function answerBox(variant, position) {
  const task = index.tasks[index.rows.task[position]];
  const box = el("div", { class: "answer" }, el("h3", { text: "Answer" }));
  if (variant.failure !== null) {
    box.append(el("p", { class: "text", text: `No answer was found: ${variant.failure}.` }));
    if (variant.reply) box.append(el("h3", { text: "Reply" }), el("p", { class: "text", text: variant.reply }));
  } else box.append(el("p", { class: "text", text: variant.answer }));
  if (variant.long) {
    const where = `Cut after ${config.longest.toLocaleString("en")} of ${variant.long.toLocaleString("en")} characters; the full text: document ${index.rows.doc[position]} in ${task.file}.`;
    box.append(el("p", { class: "cut", text: where }));
  }
  return box;
}

function opinion(vote, number, count, position) {
  const box = el("div", { class: "debate", role: "group", "aria-label": `Verdict of ${vote.critic}, vote ${number + 1}` });
  const title = count > 1 ? `Vote ${number + 1} of ${count} · critic ${vote.critic}` : `Critic ${vote.critic}`;
  const about = vote.about ? `${title} · ${vote.about}` : title;
  box.append(el("p", {}, el("span", { class: "about", text: `${about} ` }), outcome(vote.code, position)));
  if (vote.texts === null) {
    box.append(el("p", { class: "text", text: `No verdict: ${vote.missing || "unknown"}.` }));
    return box;
  }
  const part = (kind, [heading, text]) => el("div", { class: kind }, el("h3", { text: heading }), el("p", { class: "text", text }));
  const [first, ...rest] = vote.texts;
  const last = rest.pop();
  if (first && first[1]) box.append(part("whole first", first));
  if (rest.length) box.append(el("div", { class: "sides" }, ...rest.map((text) => part("side", text))));
  if (last) box.append(part("whole last", last));
  return box;
}

function variantBody(variant, position) {
  return el("div", {}, answerBox(variant, position), ...variant.votes.map((v, i) => opinion(v, i, variant.votes.length, position)));
}

function withPersona(person, dropped, ...content) {
  return el("div", { class: "two" }, el("div", { class: "persona-wrap" }, personaList(person, dropped)), el("div", {}, ...content));
}

function leftOut(variant, person) {
  const texts = variant.dropped.map((name) => [name, value(index.attributes.indexOf(name), person)]).filter(([, text]) => text !== null);
  const said = texts.length > 4 ? `${texts.length} attributes` : texts.map(([name, text]) => `${name} (${text.length > 80 ? `${text.slice(0, 79)}…` : text})`).join(", ");
  return el("p", { class: "leftout", text: `Left out: ${said || "nothing that this persona states"}` });
}

// Leave-one-out: the whole persona at the left, the variant that is chosen at the right.
function besides(variants, person, position) {
  const whole = variants.find((v) => v.name === "whole") || variants[0];
  const others = variants.filter((v) => v !== whole);
  const holder = el("div");
  const chips = el("div", { class: "chips", role: "group", "aria-label": "Variants" });
  function choose(variant) {
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.dataset.name === variant.name));
    holder.replaceChildren(
      el("div", { class: "pair" },
        el("div", {}, el("h3", {}, "Whole persona ", outcome(whole.outcome, position)), el("p", { class: "leftout", text: "Nothing left out" }), variantBody(whole, position)),
        el("div", {}, el("h3", {}, `${variant.name[0].toUpperCase()}${variant.name.slice(1)} `, outcome(variant.outcome, position)), leftOut(variant, person), variantBody(variant, position))),
      el("h3", { text: "The persona, with what was left out" }), personaList(person, variant.dropped));
  }
  for (const variant of others) {
    const flipped = variant.outcome !== whole.outcome;
    const chip = el("button", { type: "button", "data-name": variant.name, class: flipped ? "flip" : "", title: flipped ? "another verdict than with the whole persona" : "", on: { click: () => choose(variant) } }, `${variant.name} `, outcome(variant.outcome, position));
    chips.append(chip);
  }
  if (others.length) choose(others.find((v) => v.outcome !== whole.outcome) || others[0]);
  return el("div", {}, chips, holder);
}

function attempts(variants, position) {
  const list = el("ol", { class: "attempts" });
  const first = variants.findIndex((v) => v.outcome === 0);
  variants.forEach((variant, i) => {
    const name = `${variant.name[0].toUpperCase()}${variant.name.slice(1)}`;
    const box = el("details", { open: i === (first < 0 ? 0 : first) }, el("summary", {}, el("span", { text: name }), outcome(variant.outcome, position)));
    box.append(variantBody(variant, position));
    list.append(el("li", {}, box));
  });
  return list;
}

function sampleBody(variants, position) {
  const person = index.rows.persona[position];
  const task = index.tasks[index.rows.task[position]];
  const parts = [
    el("p", { class: "about", text: `${task.task} · ${task.model} · document ${index.rows.doc[position]}` }),
    el("h2", { id: "d-title", text: index.questions[index.rows.question[position]] }),
  ];
  const bears = index.bearing[index.rows.bears[position]];
  if (bears) parts.push(el("p", { class: "about bears", text: `Bears on the question: ${bears}` }));
  if (task.evaluation === "leave_one_out") parts.push(besides(variants, person, position));
  else if (variants.length > 1) parts.push(withPersona(person, [], attempts(variants, position)));
  else parts.push(withPersona(person, [], el("p", {}, outcome(variants[0].outcome, position)), variantBody(variants[0], position)));
  return parts;
}
