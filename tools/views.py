"""The views of the pages that a picture is taken of and axe-core looks at: each a name and what is done to get there."""

from __future__ import annotations

from typing import Any

from tests.fakes.browser import until

_NONE = "no such sample"
_OPEN = (
    "const at = index.rows.task.findIndex((_, i) => taskOf(i).task.startsWith('{}') && {});"
    f"if (at < 0) throw new Error('{_NONE}'); openPosition(at)"
)
_ANY = "index.rows.doc[i] === 4"
_FLIPS = "index.flips[index.rows.flips[i]].length > 1"
LISTS = ("list", "filters", "nothing-found", "between", "labelling", "words", "table", "run")
"""Views in which no sample is open."""
VIEWS: dict[str, str] = {
    "list": "byId('samples').scrollIntoView()",
    "filters": """byId('more').open = true; byId('f-text').value = 'the smallest step'; apply();
        const s = byId('f-attribute'); s.selectedIndex = 1; s.dispatchEvent(new Event('change'));
        byId('samples').scrollIntoView()""",
    "nothing-found": "byId('f-text').value = 'zzqxj'; apply(); byId('samples').scrollIntoView()",
    "between": "document.querySelector('.counts a')?.click(); byId('samples').scrollIntoView()",
    "sample": _OPEN.format("persona_main", _ANY),
    "as-written": _OPEN.format("persona_main", _ANY) + "; toggleWritten()",
    "revised": _OPEN.format("persona_main", "index.rows.doc[i] === 0 && taskOf(i).task === 'persona_main'"),
    "prompt": _OPEN.format("persona_main", _ANY),
    "leave-one-out": _OPEN.format("persona_loo", _FLIPS),
    "contrast": _OPEN.format("persona_contrast", _ANY),
    "pairwise": _OPEN.format("persona_contrast_pairwise", _ANY),
    "attempts": _OPEN.format("persona_pass_at_k", _ANY),
    "choice": _OPEN.format("persona_choice", _ANY),
    "opinion": _OPEN.format("persona_opinion", _ANY),
    "same-pair": _OPEN.format("persona_main", _ANY),
    "drawer": _OPEN.format("persona_main", _ANY),
    "labelling": "byId('l-on').click(); byId('samples').scrollIntoView()",
    "label": "byId('l-on').click();" + _OPEN.format("persona_main", _ANY),
    "label-attempts": "byId('l-on').click();" + _OPEN.format("persona_pass_at_k", _ANY),
}
PICTURED: dict[str, str] = {
    "words": "byId('words').scrollIntoView()",
    "table": """const box = document.querySelector('.tables details'); for (let d = box; d; d = d.parentElement)
        if (d.tagName === 'DETAILS') d.open = true; box.scrollIntoView()""",
    "run": "const box = document.querySelector('.run-boxes details'); box.open = true; box.scrollIntoView()",
    "word-diff": _OPEN.format("persona_main", "index.rows.doc[i] === 2 && samePair(i).length > 1"),
}
"""Views that pictures are taken of beside those: what axe-core sees of them it has seen in the others."""
_UNFOLD = "document.querySelector('#d-main {}').open = true"
_THEN = {
    "prompt": _UNFOLD.format(".sent"),
    "same-pair": _UNFOLD.format(".same"),
    "drawer": "togglePersona()",
    "word-diff": _UNFOLD.format(".same"),
}
"""What is done once the sample is there."""
_IN_SIGHT = {
    "prompt": (".sent", ".sent .text"),
    "same-pair": (".same", ".same .chips"),
    "word-diff": (".same .compared", ".same .sides"),
}
"""What is then brought into sight, and what has to be there before."""
_CLEAN = """localStorage.clear(); book.own = {}; book.saved = {}; book.seen = {}; if (asWritten) toggleWritten();
    if (byId('sample').open) byId('sample').close(); setLabelling(false, false); byId('f-text').value = ''; clearFilters();
    byId('more').open = false; apply(); scrollTo(0, 0)"""


_SETTLED = """const done = arguments[0], frame = () => new Promise((go) => requestAnimationFrame(go));
    (async () => {
      await new Promise((go) => setTimeout(go, 80));
      await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => null)));
      await frame();
      await frame();
      done();
    })()"""
"""What is typed counts after 60 ms; then all that moves comes to rest, and is on the screen."""


def ready(driver: Any) -> bool:
    """Wait until the page has all its samples; return whether it has any."""
    script = "return document.body.dataset.searchable || !document.getElementById('rows')"
    until(lambda: driver.execute_script(script))
    return bool(driver.execute_script("return document.getElementById('rows') !== null"))


def show(driver: Any, name: str) -> bool:
    """Bring the page to a view, from wherever it stood; return whether it has a sample for it."""
    driver.execute_script(_CLEAN)
    driver.execute_async_script(_SETTLED)
    has = driver.execute_script(
        f"try {{ {(VIEWS | PICTURED)[name]}; return true }} catch (error) {{ return String(error) }}"
    )
    if has is not True:
        if _NONE not in has:
            raise RuntimeError(f"{name}: {has}")
        return False
    opened = "return byId('sample').open && document.querySelector('#d-main #d-title') !== null"
    until(lambda: name in LISTS or driver.execute_script(opened))
    driver.execute_script(_THEN.get(name, ""))
    seen, there = _IN_SIGHT.get(name, ("", ""))
    unfolded = f"return document.querySelector('#d-main {there}') !== null"
    until(lambda: not there or driver.execute_script(unfolded))
    if seen:
        driver.execute_script(f"document.querySelector('#d-main {seen}').scrollIntoView()")
    driver.execute_async_script(_SETTLED)
    return True
