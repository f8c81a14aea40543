"""Reasoning never reaches the critic as the answer, and an answer that talks about it stays whole."""

from __future__ import annotations

import time
from timeit import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_metrics.answers import CUT, extract

PAIRS = (
    ("<think>", "</think>"),
    ("<THINK>", "</THINK>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
)
SECRET = "They are 40 and poor."
ANSWER = "Try the lentils."
PLAIN = [pair for pair in PAIRS if "analysis" not in pair[0]]


@pytest.mark.parametrize(("start", "end"), PAIRS)
@pytest.mark.parametrize("gap", ["", "\n", "\n\n"])
def test_a_block_before_the_answer_goes(start: str, end: str, gap: str) -> None:
    assert extract(f"{start}{gap}{SECRET}{gap}{end}{gap}{ANSWER}", "output_only").answer == ANSWER
    wanted = f'{start}{SECRET}{end}{{"reasoning": "r", "answer": "{ANSWER}"}}'
    assert extract(wanted, "chain_of_thought").answer == ANSWER


@pytest.mark.parametrize(("start", "end"), PLAIN)
@pytest.mark.parametrize(
    "form",
    [
        "{start}{secret}{end}\n{start}{secret}{end}\n{answer}",
        "{start}{secret}{end}{start}{end}{answer}",
        "{secret}{end}{answer}",
        "{secret}\n{end}\n\n{answer}",
        "{secret} {end} {answer}",
        "{secret}{end}\n{start}{secret}{end}\n{answer}",
        "{start}{secret}{start}{secret}{end}{secret}{end}{answer}",
        "{start}\n```py\nx = 1\n{end}\n{answer}",
        "{start}I close with `{end}` later. {secret}{end}\n{answer}",
        "{start}{secret}{end}{answer}\n{end}",
    ],
)
def test_second_blocks_lone_ends_and_nested_ones_go(start: str, end: str, form: str) -> None:
    reply = form.format(start=start, end=end, secret=SECRET, answer=ANSWER)
    assert extract(reply, "output_only").answer == ANSWER


@pytest.mark.parametrize(("start", "end"), PLAIN)
def test_a_block_after_a_sentence_goes_and_the_sentence_stays(start: str, end: str) -> None:
    found = extract(f"Sure.\n{start}{SECRET}{end}\n{ANSWER}", "output_only").answer
    assert found is not None
    assert found.split() == ["Sure.", *ANSWER.split()]


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_a_block_that_is_cut_names_the_setting(start: str, end: str) -> None:  # noqa: ARG001
    for mode in ("output_only", "chain_of_thought"):
        found = extract(f"{start}{SECRET} and then", mode)
        assert (found.answer, found.failure) == (None, CUT)
    assert "max_gen_toks" in CUT


def test_a_second_block_that_is_cut_leaves_nothing_but_a_failure() -> None:
    assert extract(f"<think>a</think>\n<think>{SECRET}", "output_only").failure == CUT
    assert extract(f"{ANSWER}\n<think>\n{SECRET}", "output_only").answer == ANSWER


def test_an_end_tag_with_nothing_behind_it_is_a_failure() -> None:
    for reply in (f"{SECRET}</think>", f"<think>{SECRET}</think>\n"):
        assert extract(reply, "output_only").failure == "nothing after the thinking block"


@pytest.mark.parametrize(
    "reply",
    [
        f"analysis{SECRET}assistantfinal{ANSWER}",
        f"analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>",
        f"<|start|>assistant<|channel|>analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>commentary"
        f"<|message|>{SECRET}<|end|><|start|>assistant<|channel|>final <|constrain|>text<|message|>{ANSWER}",
        f"<|channel|>final<|message|>{ANSWER}",
        f"{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>",
        f"<|START_THINKING|>{SECRET}<|END_THINKING|><|START_RESPONSE|>{ANSWER}<|END_RESPONSE|>",
    ],
)
def test_channels_give_the_final_one(reply: str) -> None:
    assert extract(reply, "output_only").answer == ANSWER


@pytest.mark.parametrize(
    "answer",
    [
        "Some models wrap their reasoning in <think> and </think> tags; switch it off in the settings.",
        "Close it with the </think> tag before you go on.",
        "Use `<think>` first, then `</think>`.\nThat is all.",
        'Write "<think>" and later "</think>" into the file.',
        "```xml\n<think>\nhello\n</think>\n```\nThat is the form.",
        "~~~\n</think>\n~~~\ndone",
        "In HTML there is no <reasoning> element.",
        "gpt-oss writes `<|channel|>final<|message|>` before its answer.",
        "```\n<|channel|>analysis<|message|>x<|end|><|start|>assistant<|channel|>final<|message|>y\n```\nLike that.",
        "I think, therefore I am; [think] about it.",
        "Analysis: assistants rarely finalise it.",
        "a <b> and </b> c < think > d",
    ],
)
def test_an_answer_that_talks_about_tags_stays_whole(answer: str) -> None:
    assert extract(answer, "output_only").answer == answer
    assert extract(f"<think>{SECRET}</think>\n{answer}", "output_only").answer == answer


def test_a_tag_inside_a_json_answer_is_part_of_its_text() -> None:
    reply = '{"reasoning": "r.</think> x", "answer": "Say </think>.\\n</think>\\nDone."}'
    assert extract(reply, "chain_of_thought").answer == "Say </think>.\n</think>\nDone."
    assert extract(f"<think>x</think>\n{reply}", "chain_of_thought").answer == "Say </think>.\n</think>\nDone."


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": SECRET}]}, {"type": "text", "text": ANSWER}],
            ANSWER,
        ),
        ([{"type": "text", "text": "Try "}, {"type": "output_text", "text": "it."}], "Try it."),
        (["Try ", "it."], "Try it."),
        ({"text": ANSWER}, ANSWER),
        ([{"type": "reasoning", "text": SECRET}], None),
        ([{"type": "image_url", "image_url": {"url": "x"}}], None),
        (None, None),
        ([], None),
        (12, "12"),
        ("half \ud83d pair", "half ? pair"),
    ],
)
def test_replies_that_are_no_text_are_read_or_fail(reply: object, answer: str | None) -> None:
    assert extract(reply, "output_only").answer == answer


TAGS = st.sampled_from(
    [tag for pair in PAIRS for tag in pair] + ["`", "```\n", "\n", ". ", '"', "{", "}", "answer:", " x "]
)


@settings(max_examples=300)
@given(st.lists(TAGS | st.text(max_size=6), max_size=30), st.sampled_from(["output_only", "chain_of_thought"]))
def test_any_reply_is_an_answer_or_a_failure(parts: list[str], mode: str) -> None:
    found = extract("".join(parts), mode)
    assert (found.answer is None) != (found.failure is None)
    if found.answer is not None:
        found.answer.encode()


@settings(max_examples=200)
@given(st.text("ab \n.'(`*", max_size=40), st.lists(st.sampled_from(PLAIN), min_size=1, max_size=4))
def test_no_word_of_leading_blocks_is_left(noise: str, pairs: list[tuple[str, str]]) -> None:
    blocks = "\n".join(f"{start}{noise} SECRET {noise}{end}" for start, end in pairs)
    assert extract(f"{blocks}\n{ANSWER}", "output_only").answer == ANSWER


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="<[◁"), min_size=1).filter(str.strip))
def test_a_reply_without_tags_is_its_answer(text: str) -> None:
    assert extract(text, "output_only").answer == text.strip()


@pytest.mark.parametrize(
    "unit",
    [
        "<think>",
        "</think>",
        "<think></think>",
        "<think>`</think>`",
        "```a\n",
        "x`",
        "`" * 50,
        "<",
        "<|channel|>final<|message|>",
    ],
)
def test_long_replies_take_time_in_proportion(unit: str) -> None:
    def spent(size: int) -> float:
        reply = "x" + unit * (size // len(unit)) + "\n</think>\ny"
        return timeit(lambda: extract(reply, "output_only"), number=1, timer=time.process_time)

    spent(1_000)
    # Eight times the text: a quadratic reader would take 64 times as long.
    assert spent(400_000) < 30 * max(spent(50_000), 0.02)
