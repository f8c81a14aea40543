// The language of a text, where its script tells: for the voice that reads it out, and the shapes of its letters. Latin,
// Cyrillic and Arabic letters are those of many languages and tell nothing; neither does a text of few letters of a kind.
const SCRIPTS = [
  ["ja", /[\p{sc=Hiragana}\p{sc=Katakana}]/gu], ["ko", /\p{sc=Hangul}/gu], ["zh", /\p{sc=Han}/gu], ["he", /\p{sc=Hebrew}/gu], ["el", /\p{sc=Greek}/gu],
  ["th", /\p{sc=Thai}/gu], ["ka", /\p{sc=Georgian}/gu], ["hy", /\p{sc=Armenian}/gu], ["ta", /\p{sc=Tamil}/gu], ["km", /\p{sc=Khmer}/gu],
];
const JAPANESE = /[\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Han}]/gu;

function languageOf(text) {
  const part = text.slice(0, 2000);
  if (!/[\u0370-\uffff]/.test(part)) return null;
  const letters = part.match(/\p{L}/gu)?.length || 0;
  const of = (pattern) => part.match(pattern)?.length || 0;
  for (const [language, pattern] of SCRIPTS) {
    const found = of(pattern);
    // Japanese is mostly written in Han letters: a few of its own tell it.
    const enough = language === "ja" ? found > 0.1 * letters && of(JAPANESE) > letters / 2 : found > letters / 2;
    if (found && enough) return language;
  }
  return null;
}

// Names the language of what the page has from a model, a persona or a question.
function named(node) {
  const language = languageOf(node.textContent);
  if (language) node.lang = language;
  return node;
}

for (const node of document.querySelectorAll("main [dir=auto]")) named(node);
