"""Runs with planted truths for the pictures of the pages: several models, one model with every evaluation, and the edges."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from persona_metrics.dataset.sources import Pair
from persona_metrics.evaluations import Variant
from persona_metrics.harness.so_far import SoFar
from tests.e2e.command import evaluate
from tests.fakes.choosing import knows, letter, table
from tests.fakes.runs import Planted, Texts, write_run
from tests.fakes.server import Server, draw

MODES = {"": 0.62, "_baseline": 0.35, "_chain_of_thought": 0.68, "_demographic_summary": 0.6}
WORTH = {"income": 0.24, "age": 0.19, "religion": 0.05}
SERVED = "m"
"""What the runs of a real lm_eval call their model."""
WRITTEN = """## A plan that fits you

Here is **what** I would *do first*:

1. Look at the month's slack
   - rent and food
   - what is left
2. Ask for the price `in writing`

| Item | A month |
| --- | ---: |
| Rent | 900 |
| Saved | 120 |

> Sleep on it. See [the guide](https://example.org/guide)."""


def several(folder: Path, models: int = 3, n: int = 120, modes: Sequence[str] = tuple(MODES)) -> Path:
    """Write ``models`` runs of every evaluation that a critic judges, of main in these modes, below ``folder``; return it."""
    for number in range(models):
        _judged(folder, f"org/model-{'abcdefghij'[number]}", 0.12 * number, n, modes)
    return folder


def one(folder: Path, n: int = 120) -> Path:
    """Write one model's runs of every evaluation, those without a critic and the comparisons by a real lm_eval."""
    _judged(folder / "judged", SERVED, 0.0, n, tuple(MODES), critic_model="critic-x,critic-y,critic-z")
    steer, pick = letter(table(0.6)), letter(knows)
    with Server(reply=lambda p, s: (steer if "Asked of adults" in p else pick)(p, s), keep_log=False) as server:
        _ran(server, "persona_choice_generate,persona_opinion_generate", folder / "picked", n=n)
    with Server(reply=_shown, prefer=_fitter, keep_log=False) as server:
        _ran(server, "persona_contrast", folder / "pairwise", n=max(10, n // 2), protocol="pairwise")
    return folder


def edge(folder: Path, n: int, rate: float, missing: float = 0.0) -> Path:
    """Write one model's runs in which everything has the same rate, or where nothing was judged."""
    tasks: dict[str, dict[str, Any]] = {
        "persona_main": {"by": "sex,age"},
        "persona_main_baseline": {},
        "persona_contrast": {},
        "persona_loo": {"attributes": "age,sex,income"},
        "persona_intersection": {"cross": "sex,age", "min_support": 1},
        "persona_pass_at_k": {"k": 4},
    }
    for task, given in tasks.items():
        write_run(folder, (task,), n=n, stamp=_stamp(task), planted=Planted(lambda *_: rate, missing=missing), **given)
    return folder


def going(folder: Path, finished: Path, pairs: int = 40) -> SoFar:
    """Begin a run of every task that ``finished`` holds, with the first ``pairs`` of main and its modes judged so far."""
    run = SoFar(folder, SERVED)
    for path in sorted(finished.glob("samples_*.jsonl")):
        results = json.loads(path.with_name(f"results_{path.stem.rpartition('_')[2]}.json").read_text(encoding="utf-8"))
        for task, config in results["configs"].items():
            lines = path.read_text(encoding="utf-8").splitlines()
            run.begin(task, config["metadata"], config["generation_kwargs"], len(lines))
            for line in lines[: pairs if "_main" in task else 0]:
                run.add(task, json.loads(line))
    return run


def _judged(folder: Path, model: str, better: float, n: int, modes: Sequence[str], **more: Any) -> None:
    for mode, rate in ((mode, MODES[mode]) for mode in modes):
        write_run(
            folder, (f"persona_main{mode}",), model=model, n=n, by="sex,age", stamp=_stamp(mode),
            planted=_with(_for_women(rate + better)), **more,
        )  # fmt: skip
    others: tuple[tuple[str, dict[str, Any], Callable[[Pair, Variant], float]], ...] = (
        ("persona_contrast", {}, lambda _, v: 0.55 + better if v.name == "whole" else 0.3),
        (
            "persona_loo",
            {"attributes": "all"},
            lambda _, v: 0.6 + better - sum(WORTH.get(i, 0) for i in v.dropped),
        ),
        (
            "persona_intersection",
            {"cross": "sex,age,education", "min_support": 4},
            lambda p, _: (0.35 if p.persona.attributes.get("sex") == "Male" else 0.65) + better,
        ),
        ("persona_pass_at_k", {"k": 8}, lambda p, _: (int(p.id) % 5) / 6 + better),
    )
    for task, given, rate_of in others:
        write_run(folder, (task,), model=model, n=n, stamp=_stamp(task), planted=_with(rate_of), **given, **more)
    samples = next(folder.rglob(f"{model.replace('/', '__')}/samples_persona_main_{_stamp('')}.jsonl"))
    _revised(samples)


def _for_women(rate: float) -> Callable[[Pair, Variant], float]:
    def chance(pair: Pair, variant: Variant) -> float:
        del variant
        return min(0.97, rate + (0.0 if pair.persona.attributes.get("sex") == "Female" else -0.18))

    return chance


def _with(rate: Callable[[Pair, Variant], float]) -> Planted:
    answer = lambda pair, variant, text: WRITTEN if int(pair.id) == 4 else text  # noqa: E731, ARG005
    return Planted(rate, missing=0.02, failures=0.01, texts=Texts(answer=answer))


def _revised(samples: Path) -> None:
    """Give the first answer of a file two rounds, as a revised run has them."""
    first, *rest = samples.read_text(encoding="utf-8").splitlines()
    line = json.loads(first)
    result = json.loads(line["filtered_resps"][0][0])
    fits = (result["verdict"] or {}).get("personalized")
    before = {"answer": "Start small. It depends on your month.", "personalized": False}
    result["rounds"] = [before, {"answer": result["answer"], "personalized": fits}]
    line["filtered_resps"][0][0] = json.dumps(result)
    samples.write_text("\n".join((json.dumps(line), *rest, "")), encoding="utf-8")


def _ran(server: Server, tasks: str, folder: Path, **metadata: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ran = evaluate(server, tasks, cwd=folder, critic="protocol" in metadata, metadata=metadata)
    if ran.code:
        raise SystemExit(ran.stderr)


def _shown(prompt: str, seed: int) -> str:
    del seed
    shown = [line[2:] for line in prompt.splitlines() if line.startswith(("- sex: ", "- religion: ", "- age: "))]
    return json.dumps({"shown": shown, "padding": "x" * int(1 + 60 * draw("length", prompt))})


def _fitter(question: str, persona: dict[str, str], first: str, second: str) -> bool:
    def fit(answer: str) -> float:
        shown = set(json.loads(answer)["shown"]) if answer.startswith("{") else set()
        own = len(shown & {f"{name}: {persona.get(name)}" for name in ("sex", "religion", "age")})
        return own + 3 * draw(question, answer)

    return fit(first) >= fit(second)


def _stamp(name: str) -> str:
    return f"2026-03-01T10-00-00.{sum(map(ord, name)):06d}"
