"""A result is a JSON text that can be asked for its parts, wherever lm-eval carries it."""

from __future__ import annotations

import copy
import json
import pickle

from persona_metrics.evaluations.base import row_of
from persona_metrics.runs.read import Result, results_of

PARTS = {"variant": "whole", "answer": 'Grüße "you"', "verdict": None}


def test_result_is_its_json_and_knows_its_parts() -> None:
    result = Result(PARTS, dropped=["age"])
    assert json.loads(result) == {**PARTS, "dropped": ["age"]}
    assert json.loads(json.dumps([result])) == [str(result)]
    assert (result["answer"], result.get("nothing"), result[0]) == ('Grüße "you"', None, "{")


def test_result_survives_copies_and_other_processes() -> None:
    result = Result(PARTS)
    for other in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert (other, other["variant"]) == (result, "whole")


def test_results_are_read_back_from_samples() -> None:
    assert results_of({"filtered_resps": [[str(Result(PARTS))], [Result(PARTS)]]}) == [PARTS, PARTS]


def test_row_of_a_group_cannot_be_split() -> None:
    assert row_of("education=Some college, no degree") == "personalized[education=Some college; no degree]"
    assert row_of("a/b |\n c") == "personalized[a∕b ¦ c]"
