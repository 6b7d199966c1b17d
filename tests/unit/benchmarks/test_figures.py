"""The numbers of a run: medians and spread, percentiles, what lies between two moments, turns."""

import pytest
from contest.figures import Figure, Mark, between, figure, order_of, percentile


def test_a_figure_is_the_median_with_the_least_and_the_most() -> None:
    assert figure([3.0, 1.0, 10.0, 2.0, 4.0]) == Figure(3.0, 1.0, 10.0)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (0.999, 100), (1.0, 100)])
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == expected


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.999) == 7.0


def test_a_round_is_counted_from_the_first_moment_not_from_the_start() -> None:
    first = Mark(records=200_000, at_s=10.0, cpu_s=5.0, broker_cpu_s=20.0)
    last = Mark(records=1_200_000, at_s=12.0, cpu_s=7.5, broker_cpu_s=21.0)
    found = between(first, last)
    assert (found.records_per_s, found.cpu, found.broker_cpu) == (500_000, 2.5, 1.0)


def test_two_moments_without_a_record_between_them_give_no_rate() -> None:
    mark = Mark(10, 1.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="no record"):
        between(mark, mark)


def test_contenders_take_turns_forwards_and_backwards() -> None:
    turns = [name for number in range(4) for name in order_of("AB", number)]
    assert "".join(turns) == "ABBAABBA"
