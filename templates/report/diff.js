// Which words two texts have in common, in order: the longest common subsequence, with a bound on time and memory.
const MOST_COMPARED = 9e6;

// Words with the white space after them; scripts without spaces are taken apart by the browser's own rules.
function wordsOf(text) {
  const words = text.match(/\S+\s*|^\s+/g) || [];
  if (!words.some((w) => w.length > 40) || typeof Intl.Segmenter === "undefined") return words;
  return [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)].map((s) => s.segment);
}

// Returns, for either text, runs of [words, whether the other has them, too]; null for both where they are too long.
function wordDiff(left, right) {
  const [a, b] = [wordsOf(left), wordsOf(right)];
  const same = (i, j) => a[i].trim() === b[j].trim();
  let head = 0;
  while (head < a.length && head < b.length && same(head, head)) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && same(a.length - 1 - tail, b.length - 1 - tail)) tail += 1;
  const [n, m] = [a.length - head - tail, b.length - head - tail];
  if ((n + 1) * (m + 1) > MOST_COMPARED) return null;
  const longest = new Uint16Array((n + 1) * (m + 1));
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      longest[i * (m + 1) + j] = same(head + i, head + j) ? longest[(i + 1) * (m + 1) + j + 1] + 1 : Math.max(longest[(i + 1) * (m + 1) + j], longest[i * (m + 1) + j + 1]);
    }
  }
  const [inA, inB] = [new Array(a.length).fill(true), new Array(b.length).fill(true)];
  let [i, j] = [0, 0];
  while (i < n || j < m) {
    if (i < n && j < m && same(head + i, head + j)) { i += 1; j += 1; }
    else if (j >= m || (i < n && longest[(i + 1) * (m + 1) + j] >= longest[i * (m + 1) + j + 1])) { inA[head + i] = false; i += 1; }
    else { inB[head + j] = false; j += 1; }
  }
  return [runs(a, inA), runs(b, inB)];
}

function runs(words, shared) {
  const made = [];
  words.forEach((word, i) => {
    const last = made[made.length - 1];
    if (last && last[1] === shared[i]) last[0] += word;
    else made.push([word, shared[i]]);
  });
  return made;
}
