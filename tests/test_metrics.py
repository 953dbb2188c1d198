"""Counters by name, and their text form as Prometheus' own parser reads it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tgserve import metrics
from tgserve.server import exposition


@pytest.fixture(autouse=True)
def own_table(monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", table := {})
    monkeypatch.setattr(exposition, "METRICS", table)


def parsed():
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition.text())
        for sample in family.samples
    }


def test_one_name_is_one_metric():
    assert metrics.counter("a_total", "a") is metrics.counter("a_total", "a")
    with pytest.raises(ValueError, match="is a counter already"):
        metrics.gauge("a_total", "a")


def test_counters_with_labels():
    calls = metrics.counter("calls_total", "calls", ("method",))
    calls.of("ping").inc()
    calls.of("ping").inc(2)
    assert calls.total() == 3
    with pytest.raises(ValueError, match="takes the labels"):
        calls.of("a", "b")
    assert parsed()["calls_total", ("method", "ping")] == 3


def test_gauges_read_their_source():
    metrics.gauge("open", "open", lambda: 4)
    metrics.gauge("open", "open", lambda: 5)
    level = metrics.gauge("level", "level")
    level.inc()
    level.dec(3)
    assert parsed()[("open",)] == 5 and parsed()[("level",)] == -2


def test_histograms_count_into_inclusive_buckets():
    seconds = metrics.histogram("s", "seconds", (0.1, 1.0))
    for value in (0.1, 0.5, 0.7, 9):
        seconds.observe(value)
    assert (seconds.quantile(0.25), seconds.quantile(0.5), seconds.quantile(1)) == (0.1, 1.0, 1.0)
    found = parsed()
    assert found["s_bucket", ("le", "0.1")] == 1
    assert found["s_bucket", ("le", "+Inf")] == found[("s_count",)] == 4
    assert found[("s_sum",)] == pytest.approx(10.3)


def test_an_empty_histogram_has_no_latency():
    assert metrics.histogram("e", "empty").quantile(0.99) == 0
