"""The recipe for Spark in the documentation, as it stands there, with a stand-in for ``mapInPandas`` over two partitions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from tests.fakes.server import Server
from tests.scoring.made import line, write

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


class Frame:
    """As much of Spark's data frame as the recipe uses; rows lie in another order than they were given in."""

    def __init__(self, rows: pd.DataFrame, parts: int = 1) -> None:
        self.rows, self.parts = rows, parts

    def repartition(self, parts: int) -> Frame:
        return Frame(self.rows.iloc[::-1], parts)

    def mapInPandas(self, made: Callable[..., Any], schema: str) -> Frame:
        assert schema == "summary binary"
        parts = [self.rows.iloc[i :: self.parts] for i in range(self.parts)]
        frames = [frame for part in parts if len(part) for frame in made(iter([part.iloc[:1], part.iloc[1:]]))]
        return Frame(pd.concat(frames))

    def toLocalIterator(self) -> Iterator[Any]:
        return self.rows.itertuples()


def test_recipe_judges_every_answer_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Spark")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    code = code.replace("/shared/", f"{tmp_path}/").replace("PARTITIONS, OUT = 4", "PARTITIONS, OUT = 2")
    (tmp_path / "answers").mkdir()
    for part in range(3):
        write(tmp_path / "answers" / f"{part}.jsonl", [line(i) for i in range(20 * part, 20 * part + 20)])
    spark = SimpleNamespace(createDataFrame=Frame)
    with Server() as server:
        monkeypatch.setenv("PERSONA_CRITIC_MODEL", "c")
        monkeypatch.setenv("PERSONA_CRITIC_BASE_URL", server.base_url)
        monkeypatch.setenv("PERSONA_CRITIC_STORE", "off")
        exec(compile(code, str(PAGE), "exec"), {"spark": spark})
        exec(compile(code, str(PAGE), "exec"), {"spark": spark})
        assert server.counts["critic"] == 60
    first, second = capsys.readouterr().out.strip().splitlines()
    assert first == second
    assert "'personalized': (0." in first
    assert len(list((tmp_path / "out" / "samples").glob("part-*.parquet"))) == 3
