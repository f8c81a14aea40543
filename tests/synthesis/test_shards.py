"""Shards of a draw: each alone is what it is in the whole, whoever makes it, and the whole is as the population is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from persona_metrics.cli import main
from persona_metrics.synthesis import check, generate, shards


def test_one_shard_alone_is_its_rows_of_the_whole(tmp_path: Path) -> None:
    common = ["personas", "--n", "103", "--seed", "5", "--shards", "4"]
    assert main([*common, "--out", str(tmp_path / "whole.jsonl")]) == 0
    parts = []
    for i in (2, 0, 3, 1):
        assert main([*common, "--shard", str(i), "--out", str(tmp_path / f"{i}.jsonl")]) == 0
    parts = [(tmp_path / f"{i}.jsonl").read_bytes() for i in range(4)]
    assert b"".join(parts) == (tmp_path / "whole.jsonl").read_bytes()
    assert [part.count(b"\n") for part in parts] == [25, 26, 26, 26]
    ids = pd.read_json(tmp_path / "whole.jsonl", lines=True, dtype=False)["id"]
    assert list(ids) == [f"p{i:04d}" for i in range(1, 104)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_whole_is_one_table_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"whole.{suffix}"
    assert main(["personas", "--n", "60", "--shards", "3", "--out", str(path)]) == 0
    read = pd.read_parquet(path) if suffix == "parquet" else pd.read_csv(path, dtype=str, keep_default_na=False)
    made = pd.concat([shard.frame() for shard in shards.cut(60, 0, 3)], ignore_index=True)
    assert read.astype(str).to_dict("records") == made.astype(str).to_dict("records")


def test_shards_are_other_people_and_a_single_one_is_the_draw_as_it_always_was() -> None:
    (only,) = shards.cut(40, 3, 1)
    assert only.frame().equals(generate.generate(40, 3))
    first, second = (shard.frame().drop(columns="id") for shard in shards.cut(80, 3, 2))
    assert not first.equals(second)
    assert not first.equals(generate.generate(40, 3).drop(columns="id"))
    again = shards.cut(80, 4, 2)[0].frame().drop(columns="id")
    assert not first.equals(again)


def test_number_of_shards_is_one_until_one_draw_would_be_too_large() -> None:
    assert [shards.default_count(n) for n in (1, 5_000_000, 5_000_001, 10_000_000)] == [1, 1, 51, 100]


def test_folder_gets_a_file_a_shard_and_makes_only_those_that_lack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "people"
    command = ["personas", "--n", "60", "--seed", "9", "--shards", "3", "--out", str(folder)]
    assert main(command) == 0
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"personas-60-seed9-{i:05d}-of-00003.parquet" for i in range(3)]
    assert pd.read_parquet(files[1]).equals(shards.cut(60, 9, 3)[1].frame())
    files[1].unlink()
    kept = files[0].stat().st_mtime_ns
    assert main(command) == 0
    assert "2 of 3 shards are there already" in capsys.readouterr().out
    assert pd.read_parquet(files[1]).equals(shards.cut(60, 9, 3)[1].frame())
    assert files[0].stat().st_mtime_ns == kept


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
@pytest.mark.usefixtures("one_ray")
def test_shards_of_a_cluster_are_those_of_one_process(tmp_path: Path) -> None:
    command = ["personas", "--n", "60", "--seed", "9", "--shards", "3"]
    assert main([*command, "--engine", "ray", "--out", str(tmp_path / "there")]) == 0
    (tmp_path / "here").mkdir()
    assert main([*command, "--out", str(tmp_path / "here")]) == 0
    files = sorted((tmp_path / "here").iterdir())
    assert [file.name for file in files] == sorted(file.name for file in (tmp_path / "there").iterdir())
    assert all((tmp_path / "there" / file.name).read_bytes() == file.read_bytes() for file in files)


@pytest.mark.slow
def test_shards_together_are_as_the_population_is() -> None:
    people = pd.concat([shard.frame() for shard in shards.cut(40_000, 0, 8)], ignore_index=True)
    assert people["id"].is_unique
    assert check.report(people.drop(columns="id"))["within"]
