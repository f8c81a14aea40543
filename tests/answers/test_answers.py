from __future__ import annotations

import json
import time
from timeit import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_metrics.answers import extract

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip)


@pytest.mark.parametrize("mode", ["baseline", "output_only"])
def test_plain_modes_take_the_reply(mode: str) -> None:
    assert extract("  Try the lentils.\n", mode).answer == "Try the lentils."
    assert extract('{"answer": "x"}', mode).answer == '{"answer": "x"}'
    assert extract("<think>They are 40.</think>\nTry it.", mode).answer == "Try it."


@pytest.mark.parametrize("reply", ["", "  \n", "<think>They are", "<thinking>They"])
@pytest.mark.parametrize("mode", ["output_only", "chain_of_thought"])
def test_no_answer_is_a_failure_with_its_reason(reply: str, mode: str) -> None:
    found = extract(reply, mode)
    assert found.answer is None
    assert found.failure


def test_placeholder_of_lm_eval_for_null_content_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMEVAL_MODEL_NONE_ANSWER_PLACEHOLDER", "[NULL]")
    assert extract("[NULL]", "output_only").failure == "empty reply"
    assert extract("[NULL] and more", "output_only").answer == "[NULL] and more"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ('{"reasoning": "r", "answer": "Yes."}', "Yes."),
        ('```json\n{"reasoning": "r", "answer": "Yes."}\n```', "Yes."),
        ('Here you go:\n{"reasoning": "r", "answer": "Yes."}\nHope it helps!', "Yes."),
        ('<think>hm</think>{"reasoning": "r", "answer": "Yes."}', "Yes."),
        ('{"reasoning": "r",\n "answer": "Two\nlines."}', "Two\nlines."),
        ('{"reasoning": "r", "answer": "Yes."', "Yes."),
        ('{"reasoning": "r", "answer": "Cut in the mid', "Cut in the mid"),
        ("{'reasoning': 'r', 'answer': 'Yes.'}", "Yes."),
        ('{"reasoning": "r", "answer": "Yes.",}', "Yes."),
        ('{reasoning: "r", "answer": "Yes."}', "Yes."),
        ('{"reasoning": "a", "answer": "First."}\n{"reasoning": "b", "answer": "Second."}', "Second."),
        ('{"reasoning": "r", "Answer": "Yes."}', "Yes."),
        ('{"reasoning": "r", "answer": ["One.", "Two."]}', "One.\nTwo."),
        ("Reasoning: they are 40.\nAnswer: Try it.", "Try it."),
        ("**Reasoning**: r\n\n**Answer:** Try it.", "Try it."),
        ("## Summary\nr\n## Final answer\nTry it.", "Try it."),
        ("<reasoning>r</reasoning><answer>Try it.</answer>", "Try it."),
        ("Answer: Try it.\nReasoning: they are 40.", "Try it."),
        ('{"reasoning": "r", "answer": "She said \\"{}\\" {% x %}"}', 'She said "{}" {% x %}'),
    ],
)
def test_answer_of_a_reasoned_reply(reply: str, answer: str) -> None:
    assert extract(reply, "chain_of_thought").answer == answer


@pytest.mark.parametrize(
    "reply",
    [
        '{"reasoning": "The person is 40',
        '{"reasoning": "only that"}',
        '{"reasoning": "r", "answer": null}',
        '{"reasoning": "r", "answer": {"text": "x"}}',
        '{"reasoning": "r", "answer": ""}',
        "I think they would like lentils.",
        "[]",
        "null",
    ],
)
def test_reasoning_is_never_taken_for_the_answer(reply: str) -> None:
    found = extract(reply, "chain_of_thought")
    assert found.answer is None
    assert found.failure == "no answer beside the reasoning in the reply"


@given(TEXT, TEXT)
def test_proper_json_gives_the_answer_back_exactly(thought: str, answer: str) -> None:
    for key, mode in (("reasoning", "chain_of_thought"), ("summary", "demographic_summary")):
        reply = json.dumps({key: thought.replace("<", "("), "answer": answer.replace("<", "(")})
        assert extract(reply, mode).answer == answer.replace("<", "(").strip()


@given(st.text(st.sampled_from("{}[]\"':,answer\\n <>/think`AR:#*\n"), max_size=200))
def test_any_reply_is_an_answer_or_a_failure(reply: str) -> None:
    for mode in ("output_only", "chain_of_thought", "demographic_summary"):
        found = extract(reply, mode)
        assert (found.answer is None) != (found.failure is None)


@pytest.mark.parametrize(
    "reply", ['{"answer": "' * 9000, "{" * 100_000, '{"a":' * 20_000, "<think>" * 20_000, "x" * 1_000_000]
)
def test_long_broken_replies_take_no_time_that_grows_with_their_square(reply: str) -> None:
    def seconds(said: str) -> float:
        return timeit(lambda: extract(said, "chain_of_thought"), number=1, timer=time.process_time)

    quarter, whole = seconds(reply[: len(reply) // 4]), seconds(reply)
    assert whole < 12 * quarter + 0.2  # four times as long: quadratic would be sixteen
