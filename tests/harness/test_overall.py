"""What a bar over all tasks counts: what was judged, what is, and at most what will be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from persona_metrics.harness import overall
from persona_metrics.harness.overall import Span, expect, span


@pytest.fixture(autouse=True)
def nothing_before() -> Iterator[None]:
    """Begin and end without a run."""
    overall._run = overall._Run()
    yield
    overall._run = overall._Run()


def test_tasks_are_counted_one_behind_the_other_and_the_last_ends_the_whole() -> None:
    for task, most in (("a", 10), ("b", 20), ("c", 5)):
        expect(task, most // 5, 5, owner=1)
    assert span("a", 8) == Span("critic a (1 of 3)", (0, 25))  # two replies of a held no answer
    assert span("b", 20) == Span("critic b (2 of 3)", (8, 5))
    assert span("c", 5) == Span("critic c (3 of 3)", (28, 0))


def test_a_task_alone_has_the_bar_to_itself() -> None:
    expect("a", 10, 1, owner=1)
    assert span("a", 9) == Span("critic a")


def test_processes_count_their_own_share_of_what_is_ahead() -> None:
    expect("a", 10, 1, owner=1)
    expect("b", 7, 3, owner=1)
    assert span("a", 5, share=2).beside == (0, 4 * 3)  # four pairs here, three elsewhere
    assert span("b", 12, share=2).beside == (5, 0)


@pytest.mark.parametrize(("again", "owner"), [("c", 2), ("a", 1)])
def test_a_run_that_broke_off_is_not_counted_into_the_next(again: str, owner: int) -> None:
    expect("a", 10, 1, owner=1)
    expect("b", 20, 1, owner=1)
    span("a", 10)
    expect(again, 4, 1, owner)
    assert span(again, 4) == Span(f"critic {again}")


def test_a_run_that_is_over_is_not_counted_into_the_next() -> None:
    expect("a", 10, 1, owner=1)
    span("a", 10)
    expect("b", 4, 1, owner=1)
    assert span("b", 4) == Span("critic b")


def test_a_task_that_nobody_expected_has_a_bar_of_its_own() -> None:
    expect("a", 10, 1, owner=1)
    assert span("other", 4) == Span("critic other")
