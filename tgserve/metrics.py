"""Counters, gauges and histograms by name. An increment is one addition on a plain object: they stand on hot paths.

All metrics are made at import of the file that counts, with `counter("tgserve_x_total", "what it counts")`; a second
maker of one name gets the same object. server/exposition.py hands them to Prometheus' own client for the text format.
Everything is counted on the loop's thread or is a figure where a lost increment of a race does not matter.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TypeVar

LATENCY_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Counter:
    """Only grows. With label names, `of(value, ...)` gives the child that is counted; keep it where it is hot."""

    kind = "counter"
    __slots__ = ("children", "doc", "labels", "name", "value")

    def __init__(self, name: str, doc: str, labels: tuple[str, ...] = ()) -> None:
        self.name = name
        self.doc = doc
        self.labels = labels
        self.value: float = 0
        self.children: dict[tuple[str, ...], Counter] = {}

    def inc(self, amount: float = 1) -> None:
        self.value += amount

    def of(self, *values: str) -> Counter:
        child = self.children.get(values)
        if child is None:
            if len(values) != len(self.labels):
                raise ValueError(f"{self.name} takes the labels {self.labels}, not {values}")
            child = self.children[values] = Counter(self.name, self.doc)
        return child

    def total(self) -> float:
        return self.value + sum(child.value for child in self.children.values())


class Gauge:
    """A figure of now: set, or read from `source` when somebody looks."""

    kind = "gauge"
    __slots__ = ("doc", "name", "source", "value")

    def __init__(self, name: str, doc: str, source: Callable[[], float] | None = None) -> None:
        self.name = name
        self.doc = doc
        self.value: float = 0
        self.source = source

    def set(self, value: float) -> None:
        self.value = value

    def inc(self, amount: float = 1) -> None:
        self.value += amount

    def dec(self, amount: float = 1) -> None:
        self.value -= amount

    def read(self) -> float:
        return self.value if self.source is None else self.source()


class Histogram:
    """How long or how large: counts per bucket (upper bounds, inclusive), and the sum."""

    kind = "histogram"
    __slots__ = ("bounds", "counts", "doc", "name", "sum")

    def __init__(self, name: str, doc: str, bounds: tuple[float, ...] = LATENCY_SECONDS) -> None:
        self.name = name
        self.doc = doc
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum: float = 0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def count(self) -> int:
        return sum(self.counts)

    def quantile(self, share: float) -> float:
        """Upper bound of the bucket in which the quantile falls; the last bound when beyond, 0 when empty."""
        wanted = share * self.count()
        seen = 0
        for bound, count in zip(self.bounds, self.counts, strict=False):
            seen += count
            if seen >= wanted:
                return bound if seen else 0.0
        return self.bounds[-1]


Metric = Counter | Gauge | Histogram
METRICS: dict[str, Metric] = {}
M = TypeVar("M", Counter, Gauge, Histogram)


def _once(metric: M) -> M:
    known = METRICS.setdefault(metric.name, metric)
    if type(known) is not type(metric):
        raise ValueError(f"{metric.name} is a {known.kind} already")
    return known


def counter(name: str, doc: str, labels: tuple[str, ...] = ()) -> Counter:
    return _once(Counter(name, doc, labels))


def gauge(name: str, doc: str, source: Callable[[], float] | None = None) -> Gauge:
    """A gauge made again with a `source` reads from the new one (a second App in one process: tests)."""
    made = _once(Gauge(name, doc, source))
    if source is not None:
        made.source = source
    return made


def histogram(name: str, doc: str, bounds: tuple[float, ...] = LATENCY_SECONDS) -> Histogram:
    return _once(Histogram(name, doc, bounds))
