"""The embedded questions: their columns, what they cover, and that none is nearly another."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from persona_metrics.personas import ATTRIBUTES

ADVICE = ("money", "work", "health", "parenting", "food", "leisure", "travel", "learning")
CONTESTED = [
    "abortion",
    "guns",
    "immigration",
    "religion in public life",
    "gender roles",
    "policing",
    "climate",
    "taxes",
    "welfare",
    "free speech",
    "drugs",
    "death penalty",
    "foreign policy",
    "technology and AI",
    "race",
    "sexuality",
    "education policy",
    "animals",
    "end of life",
    "privacy",
    "generations",
    "housing",
    "democracy",
    "corruption",
    "community",
]
NEAREST, NEAREST_COUNTERPARTS = 0.6, 0.8
"""Greatest cosine of two questions' TF-IDF vectors (character 3- to 5-grams within words), as the data card states it."""


@cache
def questions() -> list[dict[str, Any]]:
    text = (files("persona_metrics") / "dataset" / "embedded" / "questions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_columns_ids_and_attributes_are_as_documented() -> None:
    for row in questions():
        assert set(row) - {"counterpart"} == {"id", "question", "topic", "kind", "attributes"}
        assert row["kind"] in ("open", "values", "controversy")
        assert row["question"] == row["question"].strip() != ""
        assert 1 <= len(row["attributes"]) == len(set(row["attributes"]))
        assert set(row["attributes"]) <= set(ATTRIBUTES), row
    assert len({row["id"] for row in questions()}) == len(questions()) >= 400
    assert {a for row in questions() for a in row["attributes"]} == set(ATTRIBUTES)


def test_a_quarter_asks_for_advice_and_every_topic_has_enough() -> None:
    kinds = Counter(row["kind"] for row in questions())
    cells = Counter((row["topic"], row["kind"]) for row in questions())
    assert 0.2 <= kinds["open"] / len(questions()) <= 0.3
    assert all(cells[topic, "open"] >= 10 for topic in ADVICE)
    assert all(cells[topic, "values"] + cells[topic, "controversy"] >= 10 for topic in CONTESTED)
    assert all(cells[topic, "controversy"] and cells[topic, "values"] for topic in CONTESTED)


def test_a_question_of_one_side_has_its_counterpart() -> None:
    by_id = {row["id"]: row for row in questions()}
    sided = [row for row in questions() if "counterpart" in row]
    assert len(sided) >= 20
    for row in sided:
        other = by_id[row["counterpart"]]
        assert (other["counterpart"], other["topic"]) == (row["id"], row["topic"])


def test_no_question_leads_the_answer() -> None:
    leading = (
        "isn't it",
        "don't you think",
        "surely",
        "obviously",
        "everyone knows",
        "wouldn't you agree",
        "right-thinking",
    )
    assert not [row["question"] for row in questions() if any(phrase in row["question"].lower() for phrase in leading)]


def test_lengths_and_registers_vary() -> None:
    texts = [row["question"] for row in questions()]
    words = np.array([len(text.split()) for text in texts])
    assert (words <= 6).sum() >= 15  # terse
    assert (words >= 30).sum() >= 10  # rambling
    assert sum(text[0].islower() for text in texts) >= 40
    assert sum(text[-1] not in "?.!" for text in texts) >= 20


def test_no_two_questions_are_nearer_than_stated() -> None:
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(
        row["question"] for row in questions()
    )
    similarity = np.triu((vectors @ vectors.T).toarray(), 1)
    for first, second in np.argwhere(similarity > NEAREST):
        one, other = questions()[first], questions()[second]
        assert one.get("counterpart") == other["id"], (one["question"], other["question"])
    assert similarity.max() <= NEAREST_COUNTERPARTS
