'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const items = data.items;
const el = (id) => document.getElementById(id);
const place = 'persona-metrics/labels/' + data.sheet;
// own: labels given here, by key. others: lines of other raters or sheets, kept so that merged files lose nothing.
let own = {}, others = [], saved = {}, history = [], at = 0, since = Date.now(), keeps = true;

function draft() {
  try {
    localStorage.setItem(place, JSON.stringify({ own, others, saved, rater: el('rater').value }));
  } catch (error) {
    keeps = false;
  }
}

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(place) || '{}');
    own = kept.own || {};
    others = kept.others || [];
    saved = kept.saved || {};
    el('rater').value = kept.rater || '';
  } catch (error) {
    keeps = false;
  }
}

const stamp = (one) => one.label + '\n' + one.note + '\n' + one.time;
const unsaved = () => {
  const changed = Object.keys(own).filter((key) => saved[key] !== stamp(own[key])).length;
  return changed + Object.keys(saved).filter((key) => !own[key]).length;
};

function tell(text) {
  el('message').textContent = text;
  el('message').hidden = !text;
}

function count(n, noun) {
  return n + ' ' + noun + (n === 1 ? '' : 's');
}

function status() {
  const done = items.filter((item) => own[item.key]).length;
  el('bar').value = done;
  el('count').textContent = done + ' of ' + items.length + ' labelled';
  const open = unsaved();
  el('saved').textContent = open ? count(open, 'label') + ' not saved' + (keeps ? '' : ', and no drafts are kept here') : done ? 'all saved' : '';
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
  const given = own[item.key];
  el('note').value = given ? given.note : '';
  document.querySelectorAll('[data-label]').forEach((button) => {
    button.setAttribute('aria-pressed', String(Boolean(given) && given.label === button.dataset.label));
  });
  el('back').disabled = at === 0;
  el('on').disabled = at === items.length - 1;
  el('undo').disabled = history.length === 0;
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
    if (!own[items[to].key]) return go(to);
  }
  return show();
}

function label(value) {
  const key = items[at].key, before = own[key];
  history.push([at, before]);
  own[key] = {
    label: value,
    note: el('note').value,
    seconds: Math.round((Date.now() - since) / 100) / 10 + (before ? before.seconds : 0),
    time: new Date().toISOString(),
  };
  tell('');
  draft();
  forward();
}

function undo() {
  const last = history.pop();
  if (!last) return;
  const key = items[last[0]].key;
  if (last[1]) own[key] = last[1];
  else delete own[key];
  draft();
  go(last[0]);
}

function lines() {
  const rater = el('rater').value.trim();
  const mine = items.filter((item) => own[item.key]).map((item) => ({
    format: data.format, key: item.key, label: own[item.key].label, note: own[item.key].note, rater, blind: true,
    seconds: own[item.key].seconds, time: own[item.key].time, sheet: data.sheet,
  }));
  return [...mine, ...others];
}

function save() {
  const rater = el('rater').value.trim();
  if (!rater) {
    tell('Please give your name or initials first: labels of several people are told apart by them.');
    el('rater').focus();
    return;
  }
  const text = lines().map((line) => JSON.stringify(line) + '\n').join('');
  const link = document.createElement('a');
  const url = URL.createObjectURL(new Blob([text], { type: 'application/jsonl' }));
  link.href = url;
  link.download = 'labels-' + rater.replace(/[^A-Za-z0-9]+/g, '_').slice(0, 40) + '-' + data.sheet + '.jsonl';
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  saved = Object.fromEntries(Object.entries(own).map(([key, one]) => [key, stamp(one)]));
  tell('');
  draft();
  status();
}

function take(line) {
  const rater = el('rater').value.trim();
  const here = line.sheet === data.sheet && items.some((item) => item.key === line.key);
  if (here && line.rater === rater) {
    const before = own[line.key];
    const one = { label: line.label, note: String(line.note || ''), seconds: Number(line.seconds) || 0, time: String(line.time || '') };
    if (!before || before.time <= one.time) {
      own[line.key] = one;
      saved[line.key] = stamp(one);
    }
    return 'own';
  }
  const same = others.findIndex((other) => other.key === line.key && other.rater === line.rater);
  if (same < 0) others.push(line);
  else if (others[same].time <= line.time) others[same] = line;
  return 'other';
}

async function open(files) {
  const read = { own: 0, other: 0, lost: 0 };
  for (const file of files) {
    for (const text of (await file.text()).split('\n')) {
      if (!text.trim()) continue;
      let line = null;
      try { line = JSON.parse(text); } catch (error) { line = null; }
      const known = line && line.format === data.format && typeof line.key === 'string' && ['yes', 'no', 'cannot tell'].includes(line.label);
      if (!known) { read.lost += 1; continue; }
      // Who opens a file on an empty page goes on with it.
      if (!el('rater').value.trim() && typeof line.rater === 'string') el('rater').value = line.rater;
      read[take(line)] += 1;
    }
  }
  draft();
  forward();
  tell('Opened ' + count(read.own, 'label') + ' of yours' + (read.other ? ', ' + read.other + ' of others (kept, and saved with yours)' : '') + (read.lost ? '; ' + count(read.lost, 'line') + ' could not be read' : '') + '.');
}

document.querySelectorAll('[data-label]').forEach((button) => button.addEventListener('click', () => label(button.dataset.label)));
el('back').addEventListener('click', () => go(at - 1));
el('on').addEventListener('click', () => go(at + 1));
el('next').addEventListener('click', forward);
el('undo').addEventListener('click', undo);
el('save').addEventListener('click', save);
el('open').addEventListener('change', async () => { await open([...el('open').files]); el('open').value = ''; });
el('rater').addEventListener('input', draft);
el('note').addEventListener('input', () => {
  const given = own[items[at].key];
  if (given) { given.note = el('note').value; draft(); status(); }
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
window.addEventListener('beforeunload', (event) => { if (unsaved()) event.preventDefault(); });
restore();
if (items.some((item) => own[item.key])) forward();
else show();
document.body.dataset.ready = 'yes';
