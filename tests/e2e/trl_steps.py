"""Takes exported files for two steps of each of TRL's trainers, on a tiny random model. Run by test_training.py."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import (
    DPOConfig,
    DPOTrainer,
    GRPOConfig,
    GRPOTrainer,
    KTOConfig,
    KTOTrainer,
    SFTConfig,
    SFTTrainer,
)

from persona_metrics import rewards

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """Return one that knows every byte, and nothing else."""
    special = ["<|end|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|system|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*special, *letters])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(special)
    found = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|end|>", pad_token="<|pad|>")
    found.chat_template = TEMPLATE
    return found


def tiny() -> LlamaForCausalLM:
    """Return a random model of some ten thousand parameters."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=261,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=1,
    )
    return LlamaForCausalLM(config)


def main(folder: Path) -> None:
    """Train on each file of ``folder`` and print the steps and losses."""
    words = tokenizer()
    common: dict[str, Any] = {
        "max_steps": 2,
        "per_device_train_batch_size": 2,
        "report_to": [],
        "use_cpu": True,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "bf16": False,
    }

    def rows(name: str) -> Any:
        path = next((folder / name).glob("train.*"))
        kind = "json" if path.suffix == ".jsonl" else "parquet"
        return load_dataset(kind, data_files=str(path), split="train", cache_dir=str(folder / "cache"))

    # DPO and KTO load the model anew for their reference.
    model = str(folder / "tiny")
    tiny().save_pretrained(model)
    words.save_pretrained(model)

    def out(name: str) -> str:
        return str(folder / f"model-{name}")

    trainers = {
        "dpo": lambda: DPOTrainer(
            model,
            args=DPOConfig(out("dpo"), max_length=None, **common),
            train_dataset=rows("trl-preference"),
            processing_class=words,
        ),
        "kto": lambda: KTOTrainer(
            model,
            args=KTOConfig(out("kto"), max_length=None, **common),
            train_dataset=rows("trl-unpaired"),
            processing_class=words,
        ),
        "sft": lambda: SFTTrainer(
            model,
            args=SFTConfig(out("sft"), max_length=None, **common),
            train_dataset=rows("sft"),
            processing_class=words,
        ),
        "grpo": lambda: GRPOTrainer(
            model,
            reward_funcs=partial(rewards.personalized, length_budget=1200, recital_weight=0.3, contrast_weight=0.3),
            args=GRPOConfig(out("grpo"), num_generations=2, max_completion_length=8, **common),
            train_dataset=rows("trl-prompts"),
            processing_class=words,
        ),
        "grpo choice": lambda: GRPOTrainer(
            model,
            reward_funcs=rewards.choice,
            args=GRPOConfig(out("choice"), num_generations=2, max_completion_length=4, **common),
            train_dataset=rows("choice"),
            processing_class=words,
        ),
    }
    found = {}
    for name, make in trainers.items():
        trainer = make()
        trainer.train()
        found[name] = {
            "steps": trainer.state.global_step,
            "logged": sorted({key for entry in trainer.state.log_history for key in entry}),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
