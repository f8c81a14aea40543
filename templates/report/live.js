// A page that is served while its runs go on: asks whether there is more, and is drawn anew with filters and sample kept.
let refreshing = false;
const live = () => config.live !== null;

async function askForMore(banner) {
  let state = null;
  try {
    state = await (await fetch("state", { cache: "no-store" })).json();
  } catch (error) {
    banner.textContent = "Nobody serves this page any more: it shows what there was so far.";
    return;
  }
  banner.textContent = String(state.said);
  // Not while somebody writes: the place in a field would be lost.
  if (state.version === config.live || ["INPUT", "TEXTAREA"].includes(document.activeElement?.tagName)) return;
  refreshing = true;
  location.reload();
}

function startLive() {
  const banner = el("p", { class: "live", role: "status", text: "So far: this page follows its runs." });
  document.body.prepend(banner);
  askForMore(banner);
  setInterval(() => askForMore(banner), 2000);
}
