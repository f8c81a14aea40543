from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from persona_metrics.synthesis.draw import pick, quota, read_table, write_table


def _rng(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_every_group_gets_its_shares_to_within_two_persons() -> None:
    shares = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    cells = np.repeat([0, 1], [600, 400])
    drawn = quota(_rng(), shares, (cells,))
    for cell, n in ((0, 600), (1, 400)):
        counts = np.bincount(drawn[cells == cell], minlength=3)
        assert np.abs(counts - n * shares[cell]).max() <= 2


def test_a_label_without_a_share_is_never_drawn() -> None:
    shares = np.array([[0.0, 1.0, 0.0]])
    assert set(pick(shares, np.zeros(3, dtype=np.int64), np.array([0.0, 0.5, np.nextafter(1, 0)]))) == {1}


def test_a_row_without_any_share_is_an_error_and_no_guess() -> None:
    with pytest.raises(ValueError, match="no label has a share in row 1"):
        pick(np.array([[1.0], [0.0]]), np.array([0, 1]), np.array([0.1, 0.1]))


def test_unscaled_rows_count_by_their_proportions() -> None:
    drawn = quota(_rng(), np.array([[3.0, 1.0]]), (np.zeros(400, dtype=np.int64),))
    assert abs(int((drawn == 0).sum()) - 300) <= 1


def test_a_written_table_reads_back(tmp_path: Path) -> None:
    shares = np.array([[0.25, 0.75], [0.0, 0.0], [1.0, 0.0]])
    write_table("t", {"source": "none"}, {"age": ["young", "no one", "old"]}, ["a", "b"], shares, tmp_path)
    table = read_table("t", tmp_path)
    assert table.levels == (("young", "old"),)
    assert table.shares.tolist() == [[0.25, 0.75], [1.0, 0.0]]
