"""Which personas fill groups evenly. Knows no file, no seed and no evaluation."""

from __future__ import annotations

from collections.abc import Sequence


def fill(order: Sequence[int], n: int, groups: Sequence[frozenset[int]], min_support: int) -> list[int]:
    """Return at most ``n`` different personas of ``order`` that bring every group to ``min_support``, the emptiest first.

    ``groups`` are sets of personas; a persona counts in every group that holds it. Ends early where all are filled, or
    the personas of those that are not are used up.
    """
    waiting = [[i for i in order if i in group] for group in groups]
    support = [0] * len(groups)
    chosen: list[int] = []
    taken: set[int] = set()
    while len(chosen) < n:
        for queue in waiting:
            while queue and queue[0] in taken:
                queue.pop(0)
        open_groups = [g for g in range(len(groups)) if support[g] < min_support and waiting[g]]
        if not open_groups:
            break
        persona = waiting[min(open_groups, key=lambda g: support[g])][0]
        chosen.append(persona)
        taken.add(persona)
        for g, group in enumerate(groups):
            support[g] += persona in group
    return chosen


def fills(personas: int, n: int, groups: Sequence[frozenset[int]], min_support: int) -> bool:
    """Return whether ``n`` pairs can hold ``min_support`` of every group.

    From ``n`` = ``personas`` on everybody is drawn, and again, so that a group holds its members as often.
    """
    if n >= personas:
        return all(len(group) * (n // personas) >= min_support for group in groups)
    chosen = fill(range(personas), n, groups, min_support)
    return all(sum(i in group for i in chosen) >= min_support for group in groups)
