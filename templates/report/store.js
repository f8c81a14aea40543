// The packed samples: an index for lists and filters, and blocks of texts that are unpacked when they are needed.
const config = JSON.parse(document.getElementById("config").textContent);
const ANY_TASK = ["personalised", "needs revision", "no verdict", "no answer", "differs", "picked", "tie"];

async function unpack(element) {
  const text = atob(element.textContent.trim());
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const blocks = [...document.querySelectorAll("script.block")];
const opened = new Map();
const haystacks = [];
let index = null;

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

function value(attribute, person) {
  const number = index.people[attribute][person];
  return number < 0 ? null : index.values[attribute][number];
}

function searchable(position, variants) {
  const person = index.rows.persona[position];
  const parts = [index.questions[index.rows.question[position]]];
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
    samples.forEach((variants, i) => haystacks.push(searchable(number * index.chunk + i, variants)));
    progress(haystacks.length);
    await new Promise((go) => setTimeout(go, 0));
  }
}
