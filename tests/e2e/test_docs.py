"""Every console block of ``docs/`` runs as it stands: one test a page, in this process, on a server of this machine.

What a page names that is not here (a paid endpoint, weights) is played by the server, and hundreds of pairs become a few;
``SAME`` and ``FEWER`` say all that is changed. What cannot run stands in ``NOT_RUN``, with the reason.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from persona_metrics.cli import main
from tests.e2e.command import CHECKOUT
from tests.fakes.runs import write_run
from tests.fakes.server import Server, default_reply
from tests.labels import planted
from tests.scoring.batches import run_elsewhere
from tests.scoring.made import line, write

DOCS = CHECKOUT / "docs"
_FENCED = re.compile(r"^```(bash|console)\n(.*?)^```", re.M | re.S)
_INDENTED = re.compile(r"(?:^    persona-metrics .*\n)+", re.M)

NOT_RUN = {
    "persona-metrics run --model hf --model_args pretrained=MODEL --tasks persona_choice,persona_opinion": (
        "loglikelihoods of a model's weights; tests/e2e/test_judgefree.py has them from a model in this process"
    ),
    "--tasks persona_main,arc_easy,gsm8k": "other benchmarks' data lie on the hub; tests/e2e/test_main.py runs gsm8k",
    "pip install 'persona-metrics[ray]'": "installs",
    "--engine ray": "needs the extra `ray`; tests/cluster has it where it is installed",
    "vllm run-batch": "needs a GPU; the server answers the same file here",
    "--to inspect": "needs the extra `inspect`; tests/e2e/test_exports.py runs it in an environment that has it",
    "oaieval ": "a tool of its own; tests/e2e/test_exports.py runs it in its own environment",
    "head -1 answers.jsonl": "shows a file",
    "agree RUN --card card.json": "needs the card of this critic; tests/exam/test_correction.py makes one",
    "serve --verify": "runs until it is stopped; tests/rewards has it over HTTP",
    "jq -c": "another tool",
    "revise RUN": "needs a writer; tests/revise has one",
    "export revised": "needs the revised run; tests/revise exports it",
    "export RUN --to trl-prompts": "needs two runs of other pairs; tests/export has them",
}
"""Commands that do not run here, by what they hold, and why."""


def same(server: Server) -> list[tuple[str, str]]:
    """Return what stands for what is not here: patterns, and what takes their place."""
    here = f"--model local-chat-completions --model_args model=m,base_url={server.chat_url},num_concurrent=8"
    return [
        (r"--model (?:hf|vllm) --model_args \S+(?: --batch_size \S+)?", here),
        (r"http://localhost:8000/v1/chat/completions|(?<=base_url=)URL\b", server.chat_url),
        (r"http://localhost:800[01]/v1", server.base_url),
        (r"WRITER@http://host/v1", f"writer@{server.base_url}"),
        (r" … ", f" {here} --apply_chat_template --output_path out --log_samples "),
        (r"(--tasks persona_bench) --predict_only", r"\1 --apply_chat_template --predict_only"),
    ]


FEWER = [
    (r"\bn=300\b|\bn=100\b", "n=4"),
    (r"\bk=8\b", "k=2"),
    (r"^(persona-metrics exam --critic .*)$", r"\1 --limit 2"),
    (r"--batch-submit", "--batch-submit --batch-poll 0.05"),
]
"""Few where the page has many."""


def commands(page: str, server: Server) -> list[str]:
    """Return a page's commands, in order, as they run here."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = [(m.start(), m[1], m[2]) for m in _FENCED.finditer(text)]
    found += [(m.start(), "bash", re.sub("^    ", "", m[0], flags=re.M)) for m in _INDENTED.finditer(text)]
    lines = []
    for _, kind, block in sorted(found):
        for one in block.replace("\\\n", " ").splitlines():
            if kind == "console" and not one.startswith("$ "):
                continue
            command = re.sub(r"\s+#\s.*$", "", one.removeprefix("$ ")).strip()
            if not any(part in command for part in NOT_RUN):
                for pattern, put in [*same(server), *FEWER]:
                    command = re.sub(pattern, put, f"{command} ").strip()
            lines.append(command)
    return [line for line in lines if line]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Server]]:
    """An empty folder to work in, with a server for every address, and few pairs."""
    with Server(reply=_reply) as server:
        given = {
            "PERSONA_CRITIC_MODEL": "critic",
            "PERSONA_CRITIC_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "none",
            "PERSONA_N": "4",
            "PERSONA_K": "2",
            "HF_HUB_OFFLINE": "1",
            "PERSONA_MIN_SUPPORT": "2",
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield tmp_path, server


def _reply(prompt: str, seed: int) -> str:
    return "A" if re.search(r"^A\. ", prompt, re.M) else default_reply(prompt, seed)


def follow(page: str, server: Server, before: Callable[[str], None] | None = None) -> list[str]:
    """Run a page's commands; return those that ran. ``before`` lays out what a command finds."""
    ran = []
    for command in commands(page, server):
        if any(part in command for part in NOT_RUN):
            continue
        if before is not None:
            before(command)
        words = shlex.split(command)
        if words[0] == "export":
            for name, _, value in (word.partition("=") for word in words[1:]):
                assert name.startswith(("PERSONA_", "OPENAI_")), command
                assert value, command
            continue
        assert words[0] == "persona-metrics", f"{page}: {command} neither runs nor stands in NOT_RUN"
        files = [sorted(map(str, Path().glob(word))) or [word] if "*" in word else [word] for word in words[1:]]
        try:
            code = main([name for names in files for name in names])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        assert code == 0, f"{page}: {command}"
        ran.append(command)
    return ran


def test_what_is_not_run_still_stands_in_the_docs_and_no_page_is_left_out() -> None:
    with Server() as server:
        every = {page.name: commands(page.name, server) for page in DOCS.glob("*.md")}
    text = "\n".join(command for found in every.values() for command in found)
    assert [part for part in NOT_RUN if part not in text] == []
    here = Path(__file__).read_text(encoding="utf-8")
    assert [page for page, found in every.items() if found and f'"{page}"' not in here] == []


@pytest.mark.slow
def test_commands_of_the_page_on_costs(place: tuple[Path, Server]) -> None:
    assert len(follow("plan.md", place[1])) == 3
    assert not place[1].log


@pytest.mark.parametrize("page", ["models.md", "numbers.md", "judge-free.md"])
def test_commands_of_a_page_that_makes_runs(page: str, place: tuple[Path, Server]) -> None:
    ran = follow(page, place[1])
    assert ran
    assert list(place[0].rglob("results_*.json"))


@pytest.mark.slow
def test_commands_about_the_critic(place: tuple[Path, Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONA_CRITIC_STORE", str(place[0] / "kept.sqlite"))
    assert len(follow("critic.md", place[1])) == 4
    kept = (place[0] / "verdicts.jsonl").read_text().splitlines()
    assert len(kept) == 5  # with the dry judgement before the run


@pytest.mark.slow
def test_commands_about_answers_made_elsewhere(place: tuple[Path, Server], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, server = place
    write(folder / "answers.jsonl", [line(i, model="my-system") for i in range(12)])
    plain = [line(i, model="my-system", mode="baseline", answer=f"For anybody, {i}.") for i in range(12)]
    write(folder / "for-nobody.jsonl", plain)

    def before(command: str) -> None:
        # Each stands for itself: what one way has paid for, the other would not ask for again.
        monkeypatch.setenv("PERSONA_CRITIC_STORE", str(folder / f"{command.count(' ')}-{len(command)}.sqlite"))
        if "--batch-in" in command and not (folder / "results.jsonl").exists():
            run_elsewhere(server, folder / "requests.jsonl", folder / "results.jsonl")

    ran = follow("elsewhere.md", server, before)
    assert len(ran) >= 7
    assert (folder / "prompts.jsonl").read_text().count("\n") == 12
    assert (folder / "generated" / "answers.jsonl").read_text().count("\n") == 12
    assert list((folder / "out2").rglob("results_*.json"))


def test_commands_about_better_models_stand_in_tests_of_their_own(place: tuple[Path, Server]) -> None:
    # They need a judged run, its critic and a writer: tests/revise, tests/export and tests/rewards have those.
    assert follow("improve.md", place[1]) == []
    assert follow("scale.md", place[1]) == []


@pytest.mark.slow
def test_commands_about_reports_and_exports(place: tuple[Path, Server]) -> None:
    folder, server = place
    path = write_run(folder / "results", model="acme/a", n=40)
    for name in ("a", "b"):
        write_run(folder / name, model=f"acme/{name}", n=40)
        shutil.copytree(folder / name, folder / "runs" / name)
        for file in (folder / name / f"acme__{name}").iterdir():
            file.rename(folder / name / file.name)
    shutil.copytree(path.parent, folder / "RUN")
    assert len(follow("reports.md", server)) == 9
    assert (folder / "leaderboard" / "leaderboard.html").is_file()
    assert (folder / "report" / "report.html").is_file()


@pytest.mark.slow
def test_commands_about_labels(place: tuple[Path, Server]) -> None:
    folder, server = place
    planted.run(folder / "RUN")
    planted.run(folder / "LABELLED_RUN")
    shutil.copy(CHECKOUT / "docs" / "cards" / "embedded.json", folder / "card.json")

    def before(command: str) -> None:
        if "agree" in command and not (folder / "labels-anna.jsonl").exists():
            lines = planted.answered(folder / "label.html", folder / "RUN", planted.right())
            for name in ("labels-anna.jsonl", "labels.jsonl"):
                write(folder / name, lines)

    assert len(follow("labels.md", server, before)) == 5
    assert json.loads((folder / "critics" / "critics.json").read_text())


@pytest.mark.slow
def test_commands_about_the_exam(place: tuple[Path, Server]) -> None:
    folder, server = place

    def before(command: str) -> None:
        if "--compare" in command:
            for name in ("other", "panel"):
                shutil.copytree(folder / "exam" / "gpt-4o-mini", folder / "exam" / name)

    assert len(follow("critic-exam.md", server, before)) == 2


@pytest.mark.slow
def test_python_of_the_page_runs(place: tuple[Path, Server]) -> None:
    folder, server = place
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    (folder / "groups.json").write_text(
        json.dumps([{"name": "women", "attributes": [{"attribute": "sex", "values": ["Female"]}]}])
    )
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
        code = block.replace("http://localhost:8000/v1", server.base_url).replace("n=100", "n=4").replace("k=8", "k=2")
        exec(code.replace('critic_model="gpt-4o"', f'critic_model="gpt-4o", base_url={server.base_url!r}'), names)
    assert os.environ["PERSONA_N"] == "4"
    assert len(names["result"].samples) == 8  # type: ignore[attr-defined]
