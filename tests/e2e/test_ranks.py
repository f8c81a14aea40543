"""Several processes give what one gives, and pay once: lm_eval under accelerate, with a tiny model of random weights."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from persona_metrics.harness.task_files import tasks_folder
from tests import warm
from tests.fakes.server import Server, draw

pytestmark = [pytest.mark.slow, pytest.mark.hf]
pytest.importorskip("torch", reason="needs the hf extra")
pytest.importorskip("transformers", reason="needs the hf extra")
pytest.importorskip("accelerate", reason="needs the hf extra")

ROOT = Path(__file__).parents[2]
TASKS = ("persona_main", "persona_loo", "persona_intersection", "persona_pass_at_k")
SETTINGS = ("n=7", "min_support=2", "k=3", "attributes=age+sex", "cross=sex", "critic_model=critic")
PAIRS, CALLS = 7, 7 * (1 + 4 + 1 + 3)
ACCELERATE = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1")
ACCELERATE += ("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0")
TORCH = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
MODULES = ("torch", "torch.distributed.run", "accelerate.commands.launch", "lm_eval.models.huggingface")
MODULES += ("transformers.models.gpt2.modeling_gpt2", "transformers.tokenization_utils_tokenizers")
"""What the launcher, each rank and a process alone import for ten seconds."""


@dataclass
class Done:
    """A finished run: its results, its samples by task, what the critic was asked, and what the processes printed."""

    results: dict[str, Any]
    samples: dict[str, list[dict[str, Any]]]
    calls: int
    peak: int
    printed: str


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for Python, to start the launcher and, by torch's ``PYTHON_EXEC``, for it to start the ranks."""
    return warm.executable(tmp_path_factory.mktemp("bin") / "python", warm.python(modules=MODULES, **TORCH))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of two layers that writes bytes; its weights are large, so that what it says depends on the prompt."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    bytes_only = Tokenizer(models.BPE())
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bytes_only.train_from_iterator([], trainers.BpeTrainer(special_tokens=["<end>"], initial_alphabet=alphabet))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytes_only, eos_token="<end>", pad_token="<end>")
    sizes = {"n_positions": 4096, "n_embd": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.6}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), bos_token_id=0, eos_token_id=0, **sizes)).save_pretrained(
        folder
    )
    tokenizer.save_pretrained(folder)
    return folder


def verdict(question: str, persona: dict[str, str], answer: str) -> bool:
    """Ask for a revision of half of the answers, whatever they are about."""
    return draw("verdict", question, sorted(persona.items()), answer) < 0.5


def run(
    python: Path,
    model: Path,
    out: Path,
    launcher: tuple[str, ...],
    *more: str,
    n: int = PAIRS,
    code: int = 0,
    opinion: bool = False,
) -> Done:
    """Run the four tasks, or ``persona_opinion``, and return what came of it."""
    tasks = ("persona_opinion",) if opinion else TASKS
    with Server(verdict=verdict, latency=0.02) as server:
        command = [
            str(python),
            *launcher,
            "run",
            "--model",
            "hf",
            "--model_args",
            f"pretrained={model},dtype=float32",
        ]
        command += ["--device", "cpu", "--batch_size", "4", "--tasks", ",".join(tasks)]
        command += ["--include_path", str(tasks_folder()), "--log_samples", "--output_path", str(out)]
        critic = () if opinion else (*SETTINGS, f"critic_base_url={server.base_url}", "critic_concurrency=4")
        command += ["--metadata", *critic, f"n={n}", *more]
        environment = {
            **os.environ,
            "PYTHONPATH": warm.path(),
            "HF_HUB_OFFLINE": "1",
            **TORCH,
            "PYTHON_EXEC": str(python),
            "ACCELERATE_USE_CPU": "true",
            "PERSONA_CRITIC_STORE": "off",
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
        assert (done.returncode == 0) == (code == 0), done.stderr[-3000:]
        calls, peak = server.counts["critic"], server.peak
    if code:
        return Done({}, {}, calls, peak, done.stderr)
    (path,) = out.rglob("results_*.json")
    samples = {}
    for task in tasks:
        (file,) = out.rglob(f"samples_{task}_*.jsonl")
        samples[task] = [json.loads(line) for line in file.read_text().splitlines()]
    return Done(json.loads(path.read_text())["results"], samples, calls, peak, done.stderr)


GREEDY = ("--gen_kwargs", "max_gen_toks=8,top_k=1")
"""With one candidate a sampled attempt is the likeliest one, whatever the generator's state."""


@pytest.fixture(scope="module")
def one(python: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    """The run of one process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        yield run(python, model, tmp_path_factory.mktemp("one"), ("-m", "lm_eval"), *GREEDY)


def test_two_ranks_give_the_metrics_and_verdicts_of_one_process(
    one: Done, python: Path, model: Path, tmp_path: Path
) -> None:
    two = run(python, model, tmp_path, (*ACCELERATE, "-m", "tests.e2e.data_parallel"), *GREEDY)
    assert two.results == one.results
    assert any(0 < value < 1 for key, value in one.results["persona_main"].items() if key.startswith("personalized"))
    for task in TASKS:
        assert [_without_times(s) for s in two.samples[task]] == [_without_times(s) for s in one.samples[task]]
    assert two.calls == one.calls
    assert two.peak <= 4
    assert two.printed.count("generations, at most") == len(TASKS)
    # Rank 0 has four of the seven pairs, and shows the only bars, which count through all tasks: 4 × (1 + 4 + 1 + 3).
    bars = set(re.findall(r"critic[^\r\n:]*:[^\r\n]*?\| \d+/(\d+)", two.printed))
    assert bars == {"36"}


def test_replicas_share_the_judging_and_pay_once(one: Done, python: Path, model: Path, tmp_path: Path) -> None:
    replicas = run(python, model, tmp_path, (*ACCELERATE, "-m", "lm_eval"), "--gen_kwargs", "max_gen_toks=8")
    for task in TASKS[:3]:
        assert replicas.results[task] == one.results[task]
    assert replicas.results["persona_pass_at_k"]["distinct_answers,critic"] > 0.9
    assert replicas.calls <= CALLS + 1
    assert replicas.peak <= 4
    assert replicas.printed.count("generations, at most") == len(TASKS)


def test_fewer_pairs_than_ranks_end_with_one_line_and_no_deadlock(python: Path, model: Path, tmp_path: Path) -> None:
    done = run(
        python, model, tmp_path, (*ACCELERATE, "-m", "tests.e2e.data_parallel"), "min_support=1", "--limit", "1", code=2
    )
    assert done.printed.count("persona-metrics: error: 1 pairs cannot be shared by 2 processes") == 1
    assert done.calls == 0


def test_groups_opinions_are_those_of_one_process(python: Path, model: Path, tmp_path: Path) -> None:
    # An item's 20 personas lie on both ranks, and its groups' means need all of them.
    options = ("by=sex", "seed=3")
    one = run(python, model, tmp_path / "one", ("-m", "lm_eval"), *options, n=40, opinion=True)
    two = run(
        python, model, tmp_path / "two", (*ACCELERATE, "-m", "tests.e2e.data_parallel"), *options, n=40, opinion=True
    )
    assert two.results["persona_opinion"] == pytest.approx(one.results["persona_opinion"], abs=1e-6, nan_ok=True)
    assert one.results["persona_opinion"]["skill,none"] < 0  # random weights know nobody
    assert [s["doc"] for s in two.samples["persona_opinion"]] == [s["doc"] for s in one.samples["persona_opinion"]]
    assert two.calls == one.calls == 0


def _without_times(sample: dict[str, Any]) -> str:
    text = json.dumps(sample, sort_keys=True)
    return re.sub(r'\\?"latency\\?": [\d.]+|127\.0\.0\.1:\d+', "", text)
