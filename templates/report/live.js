// A page that is served while its runs go on: asks whether there is more, and is drawn anew with filters and folds as they were.
let refreshing = false;
const live = () => config.live !== null;
const FOLDS = "persona-metrics folds";

// Nothing is taken from under somebody who reads a sample, writes, or has marked a text.
function busy() {
  const writes = ["INPUT", "TEXTAREA"].includes(document.activeElement?.tagName) && document.activeElement.type !== "checkbox";
  return writes || Boolean(byId("sample")?.open) || String(getSelection()) !== "";
}

// What a fold is called, without the numbers in it, which move.
function foldName(details) {
  const within = details.closest(".task:not(details), details.task, .fold");
  const named = [within && within !== details ? within.querySelector("h3, summary") : null, details.querySelector("summary")];
  return named.map((one) => (one ? one.textContent.replace(/[\d,]+/g, "").trim() : "")).join("/");
}

function keepFolds() {
  const folds = [...document.querySelectorAll("main details")].map((one) => [foldName(one), one.open]);
  try { sessionStorage.setItem(FOLDS, JSON.stringify(folds)); } catch (error) { /* the folds are lost, nothing else */ }
}

function restoreFolds() {
  let kept = [];
  try { kept = JSON.parse(sessionStorage.getItem(FOLDS)) || []; } catch (error) { /* none are known */ }
  const open = new Map(kept);
  for (const one of document.querySelectorAll("main details")) if (open.has(foldName(one))) one.open = open.get(foldName(one));
}

async function askForMore(banner) {
  let state = null;
  try {
    state = await (await fetch("state", { cache: "no-store" })).json();
  } catch (error) {
    banner.textContent = "Nobody serves this page any more: it shows what there was so far.";
    return;
  }
  const more = state.version !== config.live;
  const said = String(state.said) + (more && busy() ? " There is more, which is shown when you are done here." : "");
  if (banner.textContent !== said) banner.textContent = said;
  if (!more || busy()) return;
  refreshing = true;
  keepFolds();
  location.reload();
}

function startLive() {
  const banner = el("p", { class: "live", role: "status", text: "This page follows its runs." });
  document.body.prepend(banner);
  restoreFolds();
  askForMore(banner);
  setInterval(() => askForMore(banner), 2000);
}
