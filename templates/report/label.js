const data = JSON.parse(document.getElementById('data').textContent);
const items = data.items;
const keys = items.map((item) => item.key);
const el = (id) => document.getElementById(id);
const count = Book.count;
const known = new Set(keys);
const book = new Book({
  place: 'persona-metrics/labels/' + data.sheet, format: data.format, sheet: data.sheet, keys: (key) => known.has(key),
  rater: () => el('rater').value.trim(),
});
let at = 0, since = Date.now();

function tell(text) {
  el('message').textContent = text;
  el('message').hidden = !text;
}

function status() {
  const done = items.filter((item) => book.own[item.key]).length;
  el('bar').value = done;
  el('count').textContent = done + ' of ' + items.length + ' labelled';
  const open = book.unsaved();
  el('saved').textContent = open ? count(open, 'label') + ' not saved' + (book.keeps ? '' : ', and no drafts are kept here') : done ? 'all saved' : '';
  el('saved').className = open ? 'unsaved' : '';
}

function show() {
  const item = items[at];
  el('where').textContent = at + 1 + ' of ' + items.length;
  el('question').textContent = item.question;
  el('answer').textContent = item.answer;
  el('persona').replaceChildren(...Object.entries(item.persona).flatMap(([name, value]) => {
    const dt = document.createElement('dt'), dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = value;
    return [dt, dd];
  }));
  const given = book.own[item.key];
  el('note').value = given ? given.note : '';
  document.querySelectorAll('[data-label]').forEach((button) => {
    button.setAttribute('aria-pressed', String(Boolean(given) && given.label === button.dataset.label));
  });
  el('back').disabled = at === 0;
  el('on').disabled = at === items.length - 1;
  el('undo').disabled = book.history.length === 0;
  status();
}

function go(to) {
  if (to < 0 || to >= items.length) return;
  at = to;
  since = Date.now();
  show();
  window.scrollTo(0, 0);
}

function forward() {
  for (let step = 1; step <= items.length; step += 1) {
    const to = (at + step) % items.length;
    if (!book.own[items[to].key]) return go(to);
  }
  return show();
}

function label(value) {
  book.label(items[at].key, value, el('note').value, (Date.now() - since) / 1000, at);
  tell('');
  forward();
}

function undo() {
  const last = book.undo();
  if (last) go(last[0]);
}

function save() {
  if (!book.rater()) {
    tell('Please give your name or initials first: labels of several people are told apart by them.');
    el('rater').focus();
    return;
  }
  book.save(keys, data.sheet);
  tell('');
  status();
}

async function open(files) {
  // Who opens a file on an empty page goes on with it.
  const said = await book.open(files, (rater) => { if (!book.rater()) el('rater').value = rater; });
  forward();
  tell(said);
}

document.querySelectorAll('[data-label]').forEach((button) => button.addEventListener('click', () => label(button.dataset.label)));
el('back').addEventListener('click', () => go(at - 1));
el('on').addEventListener('click', () => go(at + 1));
el('next').addEventListener('click', forward);
el('undo').addEventListener('click', undo);
el('save').addEventListener('click', save);
el('open').addEventListener('change', async () => { await open([...el('open').files]); el('open').value = ''; });
el('rater').addEventListener('input', () => book.draft());
el('note').addEventListener('input', () => {
  const given = book.own[items[at].key];
  if (given) { given.note = el('note').value; book.draft(); status(); }
});
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.tagName === 'INPUT') {
    if (event.key === 'Escape' || event.key === 'Enter') event.target.blur();
    return;
  }
  const act = {
    1: () => label('yes'), 2: () => label('no'), 3: () => label('cannot tell'), n: () => el('note').focus(), u: undo,
    ArrowLeft: () => go(at - 1), ArrowRight: () => go(at + 1),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
});
window.addEventListener('beforeunload', (event) => { if (book.unsaved()) event.preventDefault(); });
el('rater').value = book.restore();
if (items.some((item) => book.own[item.key])) forward();
else show();
document.body.dataset.ready = 'yes';
