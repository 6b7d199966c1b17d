"""The picture is well-formed and shows every contender that has figures."""

from xml.etree import ElementTree

from contest.plot import draw

FIGURES = {
    "records_per_s": 400_000.0,
    "cpu_s_per_million": 2.5,
    "broker_cpu_s_per_million": 1.5,
    "spread": {"records_per_s": [390_000.0, 410_000.0]},
}
LATENCY = {"p50_ms": 60.0, "p99_ms": 130.0, "p99_9_ms": 180.0}


def test_rates_latencies_and_what_is_not_supported_are_drawn() -> None:
    picture = ElementTree.fromstring(
        draw(
            {
                "run": {"rounds": 5, "machine": "2 cores", "broker": "one node"},
                "flat-1": {"sharebus": FIGURES, "faust": {"failed": "ended with 1"}},
                "masked-10": {"not_supported": "no masks"},
                "latency": {"bare copy": LATENCY},
            }
        )
    )
    said = [text.text or "" for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    for expected in ("sharebus", "400,000", "2.50 + 1.50", "failed", "not supported yet"):
        assert expected in said
    assert "p50 60 ms, p99 130 ms, p99.9 180 ms" in said
