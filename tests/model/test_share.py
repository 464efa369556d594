"""A worker's share of each batch: equal, disjoint, and together the whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.model.feed import rows_in_order
from digits.model.share import WHOLE, Share

COUNTS = st.integers(1, 40)


def shares(count, batch_size, workers):
    """The batches of each worker, as lists of row numbers."""
    found = []
    for rank in range(workers):
        share = Share(rank, workers)
        rows = share.of_rows(rows_in_order(count, batch_size), share.steps(count, batch_size))
        found.append([batch.numpy().tolist() for batch in rows])
    return found


@pytest.mark.parametrize(
    ("count", "batch_size", "workers", "expected"),
    [
        (8, 4, 2, [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]),
        # Of the last three, one is nobody's.
        (7, 4, 2, [[[0, 1], [4]], [[2, 3], [5]]]),
        # The last one cannot be shared at all.
        (5, 4, 2, [[[0, 1]], [[2, 3]]]),
        (5, 4, 1, [[[0, 1, 2, 3], [4]]]),
    ],
)
def test_shares_of_row_numbers(count, batch_size, workers, expected):
    assert shares(count, batch_size, workers) == expected


@pytest.mark.slow
@settings(max_examples=25)  # each of them starts tf.data as often as there are workers
@given(COUNTS, st.integers(1, 5), st.integers(1, 4))
def test_all_workers_have_as_many_rows_and_miss_fewer_than_there_are_workers(count, each, workers):
    found = shares(count, each * workers, workers)
    assert len({tuple(map(len, batches)) for batches in found}) == 1
    rows = sorted(row for batches in found for batch in batches for row in batch)
    assert len(rows) == len(set(rows)) > count - workers


@given(COUNTS, COUNTS)
def test_one_worker_has_whole_batches(count, batch_size):
    assert WHOLE.steps(count, batch_size) == -(-count // batch_size)
    rows = rows_in_order(count, batch_size)
    assert WHOLE.of_rows(rows, 1) is rows
