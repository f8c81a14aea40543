// Elements, copies and files. Texts go in as text and never as markup.
const byId = (id) => document.getElementById(id);

function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, given] of Object.entries(options)) {
    if (name === "text") { node.textContent = given; node.dir = "auto"; named(node); }
    else if (name === "on") for (const [event, run] of Object.entries(given)) node.addEventListener(event, run);
    else if (given !== false && given !== null) node.setAttribute(name, given === true ? "" : given);
  }
  node.append(...children.filter((c) => c !== null));
  return node;
}

const option = (text, code) => el("option", { value: code, text });
const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const several = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

// The words of the search in a text, each in a mark of its own.
function marked(text, words) {
  if (!words.length) return [text];
  const escaped = words.map((w) => w.replace(/[.*+?^${}()|[\]\\\/-]/g, "\\$&"));
  const found = new RegExp(`(${escaped.join("|")})`, "giu");
  return text.split(found).map((part, i) => (i % 2 ? el("mark", { text: part }) : part));
}

function markWithin(node, words) {
  if (!words.length) return node;
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    const parts = marked(text.data, words);
    if (parts.length > 1) text.replaceWith(...parts);
  }
  return node;
}

function download(name, parts, type) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// A page from a file may not have the clipboard; a selected field is copied everywhere.
async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch (error) {
    const field = el("textarea", { class: "aside" });
    field.value = text;
    button.after(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button.focus();
  }
  const before = button.dataset.says || button.textContent;
  button.dataset.says = before;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
}
