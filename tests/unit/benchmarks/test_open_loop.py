"""The intended send time travels in the envelope, and is found again in the view's record."""

import numpy as np
from contest.open_loop import Received, time_at, times, varint
from contest.records import FLAT, NESTED, events

NOW_US = 1_800_000_000_123_456


def test_a_time_written_into_a_record_is_read_back() -> None:
    for kind in (FLAT, NESTED):
        messages = [message for _, message in events(kind, 7, 300, 1, 1)][100:]
        place = time_at(messages[0])
        stamped = [m[:place] + varint(NOW_US + i) + m[place + 8 :] for i, m in enumerate(messages)]
        assert [len(m) for m in stamped] == [len(m) for m in messages]
        assert times(messages, place).tolist() == [
            1_790_000_000_000_000 + number for number in range(100, 300)
        ]
        assert times(stamped, place).tolist() == [NOW_US + i for i in range(200)]


def test_warm_up_is_left_out_of_the_latencies() -> None:
    received = Received(np.array([0, 1000, 2000]), np.array([9000, 5000, 4000]))
    assert received.after(1000) == [2.0, 4.0]


def test_the_rate_counts_what_came_in_the_second_half() -> None:
    came = np.array([100_000, 600_000, 700_000, 1_200_000])
    assert Received(came, came).rate(0, 1.0) == 4.0
