'use strict';
// The labels given on a page: kept as a draft in the browser, saved to a file, merged with the files of others.
class Book {
  // `keys` says which keys the page's own answers have, `rater` who labels. own: labels given here, by key. others: lines of
  // other raters or sheets, kept so that merged files lose nothing. seen: keys whose verdict was in sight before a label.
  // tab: where this browser tab remembers its place from one page to the next, of one that follows its runs (else empty).
  constructor({ place, format, sheet, keys, rater, tab = '' }) {
    Object.assign(this, { place, format, sheet, keys, rater, tab, own: {}, others: [], saved: {}, seen: {}, history: [], keeps: true });
  }

  draft() {
    try {
      const { own, others, saved, seen } = this;
      localStorage.setItem(this.place, JSON.stringify({ own, others, saved, seen, rater: this.rater() }));
      if (this.tab) sessionStorage.setItem(this.tab, this.place);
    } catch (error) {
      this.keeps = false;
    }
  }

  // Returns the name of who labelled here before.
  restore() {
    try {
      let rater = '';
      for (const place of this.places()) {
        const kept = JSON.parse(localStorage.getItem(place) || '{}');
        for (const name of ['own', 'saved', 'seen']) Object.assign(this[name], kept[name]);
        this.others.push(...(kept.others || []));
        rater = kept.rater || rater;
      }
      return rater;
    } catch (error) {
      this.keeps = false;
      return '';
    }
  }

  // A page's place changes when a run's results come, and what this tab had as a draft goes along.
  places() {
    const before = this.tab && sessionStorage.getItem(this.tab);
    return before && before !== this.place ? [this.place, before] : [this.place];
  }

  static stamp(one) {
    return one.label + '\n' + one.note + '\n' + one.time;
  }

  unsaved() {
    const changed = Object.keys(this.own).filter((key) => this.saved[key] !== Book.stamp(this.own[key])).length;
    return changed + Object.keys(this.saved).filter((key) => !this.own[key]).length;
  }

  // `at` is where the page stood; `undo` gives it back.
  label(key, value, note, seconds, at) {
    const before = this.own[key];
    this.history.push([at, key, before]);
    this.own[key] = {
      label: value,
      note,
      blind: before ? before.blind && !this.seen[key] : !this.seen[key],
      seconds: Math.round(seconds * 10) / 10 + (before ? before.seconds : 0),
      time: new Date().toISOString(),
    };
    this.draft();
  }

  undo() {
    const last = this.history.pop();
    if (!last) return null;
    if (last[2]) this.own[last[1]] = last[2];
    else delete this.own[last[1]];
    this.draft();
    return last;
  }

  lines(keys) {
    const mine = keys.filter((key) => this.own[key]).map((key) => {
      const { label, note, blind, seconds, time } = this.own[key];
      return { format: this.format, key, label, note, rater: this.rater(), blind: blind !== false, seconds, time, sheet: this.sheet };
    });
    return [...mine, ...this.others];
  }

  save(keys, name) {
    const text = this.lines(keys).map((line) => JSON.stringify(line) + '\n').join('');
    const link = document.createElement('a');
    const url = URL.createObjectURL(new Blob([text], { type: 'application/jsonl' }));
    link.href = url;
    link.download = 'labels-' + this.rater().replace(/[^A-Za-z0-9]+/g, '_').slice(0, 40) + '-' + name + '.jsonl';
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    this.saved = Object.fromEntries(Object.entries(this.own).map(([key, one]) => [key, Book.stamp(one)]));
    this.draft();
  }

  take(line) {
    const here = line.sheet === this.sheet && this.keys(line.key);
    if (here && line.rater === this.rater()) {
      const before = this.own[line.key];
      const one = {
        label: line.label, note: String(line.note || ''), blind: line.blind !== false, seconds: Number(line.seconds) || 0,
        time: String(line.time || ''),
      };
      if (!before || before.time <= one.time) {
        this.own[line.key] = one;
        this.saved[line.key] = Book.stamp(one);
      }
      return 'own';
    }
    const same = this.others.findIndex((other) => other.key === line.key && other.rater === line.rater);
    if (same < 0) this.others.push(line);
    else if (this.others[same].time <= line.time) this.others[same] = line;
    return 'other';
  }

  // `named` is told the rater of each line, before it is taken. Returns what was read, in words.
  async open(files, named) {
    const read = { own: 0, other: 0, lost: 0 };
    for (const file of files) {
      for (const text of (await file.text()).split('\n')) {
        if (!text.trim()) continue;
        let line = null;
        try { line = JSON.parse(text); } catch (error) { line = null; }
        const known = line && line.format === this.format && typeof line.key === 'string' && ['yes', 'no', 'cannot tell'].includes(line.label);
        if (!known) { read.lost += 1; continue; }
        if (typeof line.rater === 'string') named(line.rater);
        read[this.take(line)] += 1;
      }
    }
    this.draft();
    return 'Opened ' + Book.count(read.own, 'label') + ' of yours' + (read.other ? ', ' + read.other + ' of others (kept, and saved with yours)' : '') + (read.lost ? '; ' + Book.count(read.lost, 'line') + ' could not be read' : '') + '.';
  }

  static count(n, noun) {
    return n + ' ' + noun + (n === 1 ? '' : 's');
  }
}
