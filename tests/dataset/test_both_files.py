"""Personas and questions of one's own together: what conditions, ``bears`` and ``by`` may name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from persona_metrics import settings
from persona_metrics.dataset.draw import Pool, draw
from persona_metrics.dataset.sources import load_pool
from persona_metrics.errors import PersonaError


def pool(**chosen: Any) -> Pool:
    return load_pool(settings.load(chosen))


def test_conditions_and_bears_may_name_columns_of_ones_own_personas(data_file: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("Home_Region,age\n" + "".join(f"{'NS'[i % 2]},{20 + i}\n" for i in range(10)))
    asker = {"attribute": "home region", "values": ["N"]}
    rows = [
        {"question": "Cold there?", "asker": asker, "bears": ["Home_Region"], "my_group": "x"},
        {"question": "Warm there?", "asker": {"not": {**asker, "attribute": "Home_Region"}}, "my_group": "y"},
        {"question": "Married?", "asker": {"attribute": "marital status", "values": ["Married"]}, "my_group": "x"},
    ]
    data_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = {"personas": str(people), "questions": str(data_file)}
    found = pool(by="home_region,my_group", **own)
    assert found.columns == ("home region", "age")
    assert found.data == "file"
    asked = {(pair.persona.attributes["home region"], pair.question.text) for pair in draw(found, 20, 0)}
    # Nobody says whether they are married, which is possible.
    assert asked == {("N", "Cold there?"), ("S", "Warm there?"), ("N", "Married?"), ("S", "Married?")}
    assert [q.text for q in pool(bears="home_region", **own).questions] == ["Cold there?"]
    with pytest.raises(PersonaError, match=r"bears: 'home regoin' is not an attribute \(did you mean 'home region'"):
        pool(bears="home regoin", **own)
    data_file.write_text(json.dumps({"question": "Why?", "asker": {**asker, "attribute": "home regoin"}}) + "\n")
    with pytest.raises(PersonaError, match=r"data\.jsonl:1: asker: 'home regoin' is not an attribute \(did you mean"):
        pool(**own)


def test_by_takes_columns_of_either_file_and_names_what_neither_has(data_file: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("region\nN\nS\n")
    data_file.write_text(json.dumps({"question": "Why?", "channel": "mail"}) + "\n")
    own = {"personas": str(people), "questions": str(data_file)}
    assert pool(by="region,channel,topic", **own).questions
    with pytest.raises(
        PersonaError, match=r"by: 'chanel' is no column of personas or questions \(did you mean 'channel'"
    ):
        pool(by="chanel", **own)
