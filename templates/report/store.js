// The packed samples: an index for lists and filters, and blocks of texts that are unpacked when they are needed.
const config = JSON.parse(document.getElementById("config").textContent);

async function unpack(element) {
  const text = atob(element.textContent.trim());
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const blocks = [...document.querySelectorAll("script.block")];
const opened = new Map();
// What can be labelled of each sample, as [key, outcome, label of the report's people], known once its block was read.
const labelable = [];
let index = null;
let sayRead = null;
const allRead = new Promise((go) => { sayRead = go; });
let pairs = null;

async function block(number) {
  if (!opened.has(number)) {
    // A few open blocks are enough for going back and forth; the page would grow without end otherwise.
    if (opened.size > 6) opened.delete(opened.keys().next().value);
    opened.set(number, unpack(blocks[number]));
  }
  return opened.get(number);
}

async function sampleAt(position) {
  const number = Math.floor(position / index.chunk);
  return (await block(number))[position - number * index.chunk];
}

const taskOf = (position) => index.tasks[index.rows.task[position]];
const question = (position) => index.questions[index.rows.question[position]];
const summaryOf = (position) => index.summaries[index.rows.summary[position]];
const flipsOf = (position) => index.flips[index.rows.flips[position]];
const models = () => new Set(index.tasks.map((t) => t.model)).size;
const taskName = (task) => (models() > 1 ? `${task.task} · ${task.model}` : task.task);

function value(attribute, person) {
  const number = index.people[attribute][person];
  return number < 0 ? null : index.values[attribute][number];
}

// What bears on a question as a line; empty where its source does not say.
function bearing(position) {
  const bears = index.bearing[index.rows.bears[position]];
  if (bears === null) return "";
  const said = ["decides", "colours"].map((grade, i) => (bears[i].length ? `${grade} ${bears[i].join(", ")}` : "")).filter(Boolean);
  return said.join("; ") || "nothing";
}

// One number for a persona and a question together.
const pairOf = (position) => index.rows.question[position] * index.people[0].length + index.rows.persona[position];

// All samples of the same persona and question, whatever their task and model.
function samePair(position) {
  if (pairs === null) {
    pairs = new Map();
    for (let i = 0; i < index.rows.task.length; i++) {
      const known = pairs.get(pairOf(i));
      if (known) known.push(i);
      else pairs.set(pairOf(i), [i]);
    }
  }
  return pairs.get(pairOf(position));
}

// The prompt of a variant as [role, text] pairs, with the persona's lines and the question put in again.
function promptOf(variant, position) {
  if (!variant.sent.length) return [];
  const person = index.rows.persona[position];
  const put = (whole, mark) => (mark === "q" ? question(position) : `${index.attributes[mark]}: ${value(mark, person)}`);
  return sentText(variant.sent[0]).map(([role, text]) => [role, text.replace(/\ue000(\d+|q)\ue001/g, put)]);
}

const sentText = (sent) => JSON.parse(typeof sent === "number" ? index.sent[sent] : sent);

function searchable(position, variants) {
  const person = index.rows.persona[position];
  const parts = [question(position)];
  for (let a = 0; a < index.attributes.length; a++) parts.push(value(a, person) || "");
  for (const variant of variants) {
    parts.push(variant.answer, variant.reply || "");
    for (const vote of variant.votes) if (vote.texts) parts.push(...vote.texts.map(([, text]) => text));
  }
  return parts.join("\n").toLowerCase();
}

// Reads block after block while nothing else is to be done, so that a search finds every text without keeping all parsed.
async function readAll(progress) {
  for (let number = 0; number < blocks.length; number++) {
    const samples = await unpack(blocks[number]);
    samples.forEach((variants, i) => {
      wordsRead.add(searchable(number * index.chunk + i, variants));
      labelable.push(variants.filter((v) => v.key).map((v) => [v.key, v.outcome, v.label || ""]));
    });
    progress(wordsRead.samples);
    await new Promise((go) => setTimeout(go, 0));
  }
}
