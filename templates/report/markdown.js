// Markdown as elements: headings, emphasis, lists, tables, code, quotes; links stay text. Never makes markup of a text, and
// takes linear time in all but name: nesting is bounded, and what does not close stays as it was written.
const DEEPEST = 6;
const BULLET = /^( {0,3})([-*+]|\d{1,9}[.)])( {1,4}|$)(.*)$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/;

function markdown(text, depth = 0) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const made = [];
  let plain = [];
  const flush = () => { if (plain.length) made.push(el("p", { dir: "auto" }, ...inline(plain.join("\n")))); plain = []; };
  for (let at = 0; at < lines.length;) {
    const found = depth < DEEPEST ? blockAt(lines, at, depth, plain.length > 0) : null;
    if (found) { flush(); made.push(...found.nodes); at = found.next; }
    else if (!lines[at].trim()) { flush(); at += 1; }
    else { plain.push(lines[at]); at += 1; }
  }
  flush();
  return made;
}

function blockAt(lines, at, depth, within) {
  const line = lines[at];
  if (!line.trim()) return null;
  const fence = FENCE.exec(line);
  if (fence && !(fence[1][0] === "`" && fence[2].includes("`"))) return code(lines, at, fence[1]);
  const heading = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/.exec(line);
  if (heading) {
    const text = (heading[2] || "").replace(/[ \t]#+[ \t]*$/, "");
    return { nodes: [el("p", { class: `md-h md-h${heading[1].length}`, dir: "auto" }, ...inline(text))], next: at + 1 };
  }
  if (/^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/.test(line)) return { nodes: [el("hr")], next: at + 1 };
  if (/^ {0,3}>/.test(line)) {
    let next = at;
    while (next < lines.length && /^ {0,3}>/.test(lines[next])) next += 1;
    const inner = lines.slice(at, next).map((l) => l.replace(/^ {0,3}> ?/, "")).join("\n");
    return { nodes: [el("blockquote", {}, ...markdown(inner, depth + 1))], next };
  }
  const bullet = BULLET.exec(line);
  // A number that begins a line of a paragraph is no list, unless it is a one.
  if (bullet && !(within && /^\d/.test(bullet[2]) && !/^1[.)]/.test(bullet[2]))) return list(lines, at, depth, bullet);
  return line.includes("|") ? table(lines, at) : null;
}

function code(lines, at, fence) {
  let next = at + 1;
  const closes = (line) => { const end = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(line); return end && end[1][0] === fence[0] && end[1].length >= fence.length; };
  while (next < lines.length && !closes(lines[next])) next += 1;
  const text = lines.slice(at + 1, next).join("\n");
  return { nodes: [el("pre", { tabindex: "0", role: "group", "aria-label": "Code" }, el("code", { text }))], next: Math.min(next + 1, lines.length) };
}

function list(lines, at, depth, first) {
  const ordered = /\d/.test(first[2]);
  const node = el(ordered ? "ol" : "ul", { start: ordered && Number.parseInt(first[2], 10) !== 1 ? Number.parseInt(first[2], 10) : null });
  let next = at;
  while (next < lines.length) {
    const bullet = BULLET.exec(lines[next]);
    if (!bullet || /\d/.test(bullet[2]) !== ordered) break;
    const indent = bullet[1].length + bullet[2].length + Math.max(1, bullet[3].length);
    const item = [bullet[4]];
    next += 1;
    while (next < lines.length) {
      const line = lines[next];
      const inside = line.length - line.trimStart().length;
      if (!line.trim()) {
        const after = lines[next + 1] || "";
        if (!after.trim() || after.length - after.trimStart().length < 2) break;
        item.push("");
      } else if (inside >= 2 || (!BULLET.test(line) && item[item.length - 1] !== "" && !FENCE.test(line) && !/^ {0,3}[#>]/.test(line))) {
        item.push(line.slice(Math.min(inside, indent)));
      } else break;
      next += 1;
    }
    node.append(el("li", { dir: "auto" }, ...tight(markdown(item.join("\n"), depth + 1))));
    while (next < lines.length && !lines[next].trim() && BULLET.test(lines[next + 1] || "")) next += 1;
  }
  return { nodes: [node], next };
}

// An item that is one paragraph stands without the paragraph's margins.
const tight = (nodes) => (nodes.length && nodes[0].tagName === "P" && !nodes[0].className ? [...nodes[0].childNodes, ...nodes.slice(1)] : nodes);

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split("|").map((c) => c.trim());
}

function table(lines, at) {
  const rule = lines[at + 1];
  if (rule === undefined || !/^[ |:-]+$/.test(rule) || !rule.includes("-") || cells(rule).length !== cells(lines[at]).length) return null;
  if (!cells(rule).every((c) => /^:?-+:?$/.test(c))) return null;
  let next = at + 2;
  while (next < lines.length && lines[next].includes("|")) next += 1;
  const width = cells(lines[at]).length;
  const row = (line, tag) => el("tr", {}, ...Array.from({ length: width }, (_, i) => el(tag, { dir: "auto" }, ...inline(cells(line)[i] || ""))));
  const made = el("table", {}, el("thead", {}, row(lines[at], "th")), el("tbody", {}, ...lines.slice(at + 2, next).map((l) => row(l, "td"))));
  return { nodes: [el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table" }, made)], next };
}

// Emphasis, code and links within a line. A mark that does not close is a character like any other.
function inline(text, depth = 0) {
  const made = [];
  let plain = "";
  const flush = () => { if (plain) made.push(plain); plain = ""; };
  const push = (node) => { flush(); made.push(node); };
  for (let at = 0; at < text.length;) {
    const char = text[at];
    if (char === "\\" && /[!-\/:-@[-`{-~]/.test(text[at + 1] || "")) { plain += text[at + 1]; at += 2; continue; }
    const found = "`*_~[!".includes(char) ? spanAt(text, at, depth) : null;
    if (found) { push(found.node); at = found.next; } else { plain += char; at += 1; }
  }
  flush();
  return made;
}

function spanAt(text, at, depth) {
  const char = text[at];
  if (char === "`") {
    const mark = /^`+/.exec(text.slice(at, at + 20))[0];
    const end = text.indexOf(mark, at + mark.length);
    return end < 0 ? null : { node: el("code", { text: text.slice(at + mark.length, end) }), next: end + mark.length };
  }
  if (depth >= DEEPEST) return null;
  if (char === "[" || (char === "!" && text[at + 1] === "[")) return link(text, at + Number(char === "!"));
  const double = text[at + 1] === char;
  const mark = double ? char + char : char;
  if (char === "~" && !double) return null;
  const start = at + mark.length;
  if (!text[start] || /\s/.test(text[start]) || (char === "_" && /\w/.test(text[at - 1] || ""))) return null;
  for (let end = text.indexOf(mark, start + 1); end >= 0 && end - at < 4000; end = text.indexOf(mark, end + 1)) {
    const whole = !/\s/.test(text[end - 1]) && (double || (text[end + 1] !== char && text[end - 1] !== char)) && !(char === "_" && /\w/.test(text[end + mark.length] || ""));
    if (!whole) continue;
    const tag = char === "~" ? "s" : double ? "strong" : "em";
    return { node: el(tag, {}, ...inline(text.slice(start, end), depth + 1)), next: end + mark.length };
  }
  return null;
}

// A link is shown as its text and its address; nothing in a sample can be clicked.
function link(text, at) {
  const end = text.indexOf("](", at);
  if (end < 0 || end - at > 1000 || text.slice(at + 1, end).includes("\n\n")) return null;
  const close = text.indexOf(")", end);
  if (close < 0 || close - end > 4000) return null;
  const address = text.slice(end + 2, close);
  return { node: el("span", { class: "link" }, text.slice(at + 1, end), el("span", { class: "address", text: ` (${address})` })), next: close + 1 };
}
