// The filtered samples as files: JSON lines with everything the page holds, CSV with a line a variant.
const CELLS = ["task", "model", "document", "variant", "verdict", "missing", "answer_failure", "label", "answer_length", "votes", "agreement", "flips", "critic_tokens", "question", "answer"];

function personOf(person) {
  const stated = {};
  index.attributes.forEach((name, a) => { if (value(a, person) !== null) stated[name] = value(a, person); });
  return stated;
}

// One sample as plain data. What a rater may not see yet is not in it.
function record(position, variants) {
  const task = taskOf(position);
  const bears = index.bearing[index.rows.bears[position]];
  return {
    task: task.task, model: task.model, document: index.rows.doc[position], samples_file: task.file,
    question: question(position), bears: bears && { decides: bears[0], colours: bears[1] }, persona: personOf(index.rows.persona[position]),
    variants: variants.map((v) => {
      const hidden = isHidden(v);
      const { outcome: code, votes, missing, sent, person, label, agreement, ...rest } = v;
      const prompt = promptOf(v, position).map(([role, content]) => ({ role, content }));
      const shown = { ...rest, prompt, sampling: sent.length > 1 ? sentText(sent[1]) : {}, label: labelOf(v) || null };
      if (person !== undefined) shown.judged_for = personOf(person);
      if (hidden) { delete shown.rounds; return { ...shown, verdict: "hidden until labelled" }; }
      return { ...shown, verdict: task.words[code], missing, agreement, votes: votes.map(({ code: vote, ...one }) => ({ ...one, verdict: task.words[vote] })) };
    }),
  };
}

// A spreadsheet takes a text that begins like this for a formula, and a bare carriage return for a new cell.
function cell(given) {
  if (given === null || given === undefined) return "";
  let text = String(given).replace(/\r\n?/g, "\n");
  if (typeof given === "string" && (/^[\t\n]/.test(text) || /^[\s\u0000\u00a0\ufeff]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]/.test(text))) text = `'${text}`;
  return /[",\n;]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function lines(position, variants) {
  const one = record(position, variants);
  return one.variants.map((v, i) => {
    const open = v.votes !== undefined;
    const row = [one.task, one.model, one.document, v.name, v.verdict, v.missing, v.failure, v.label, v.length,
      open ? v.votes.length : null, open ? v.agreement : null, i === 0 && open ? flipsOf(position).join(", ") : "", i === 0 && index.rows.tokens[position] >= 0 ? index.rows.tokens[position] : "", one.question, v.answer];
    return [...row, ...index.attributes.map((name) => one.persona[name])].map(cell).join(",");
  });
}

async function exportFound(kind, button) {
  const positions = [...found];
  const parts = kind === "csv" ? [`\ufeff${[...CELLS, ...index.attributes].map(cell).join(",")}\n`] : [];
  button.disabled = true;
  try {
    for (const position of positions) {
      const variants = await sampleAt(position);
      parts.push(kind === "csv" ? `${lines(position, variants).join("\n")}\n` : `${JSON.stringify(record(position, variants))}\n`);
    }
  } finally {
    button.disabled = false;
  }
  download(`samples.${kind}`, parts, kind === "csv" ? "text/csv" : "application/jsonl");
  return parts;
}
