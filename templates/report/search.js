// Which samples hold a text: every distinct word once, and of each sample the numbers of its words. A search looks through the
// distinct words alone; they are far fewer than the texts.
class Words {
  constructor() {
    this.numbers = new Map();
    this.texts = [];
    this.held = new Uint32Array(1 << 16);
    this.ends = [0];
  }

  get samples() {
    return this.ends.length - 1;
  }

  add(text) {
    const own = new Set(text.split(/\s+/));
    let end = this.ends[this.samples];
    if (end + own.size > this.held.length) {
      const wider = new Uint32Array(2 * (end + own.size));
      wider.set(this.held);
      this.held = wider;
    }
    for (const word of own) {
      let number = this.numbers.get(word);
      if (number === undefined) {
        number = this.texts.push(word) - 1;
        this.numbers.set(word, number);
      }
      this.held[end++] = number;
    }
    this.ends.push(end);
  }

  // Returns a test of a sample: whether each of `wanted` (at most 30, none with a blank) stands somewhere in its words.
  finds(wanted) {
    const all = 2 ** wanted.length - 1;
    const hits = new Uint32Array(this.texts.length);
    wanted.forEach((part, bit) => this.texts.forEach((word, i) => { if (word.includes(part)) hits[i] |= 1 << bit; }));
    const { ends, held, samples } = this;
    return (sample) => {
      if (sample >= samples) return false;
      let seen = 0;
      for (let i = ends[sample]; i < ends[sample + 1] && seen !== all; i++) seen |= hits[held[i]];
      return seen === all;
    };
  }
}

const wordsRead = new Words();
