"""Our metrics in Prometheus' text format, written by Prometheus' own client."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from tgserve.metrics import METRICS, Counter, Gauge


class Ours(Collector):
    def collect(self) -> Iterable[Metric]:
        for metric in METRICS.values():
            if isinstance(metric, Counter):
                counter = CounterMetricFamily(metric.name, metric.doc, labels=metric.labels)
                for values, child in metric.children.items():
                    counter.add_metric(values, child.value)
                if not metric.labels:
                    counter.add_metric((), metric.value)
                yield counter
            elif isinstance(metric, Gauge):
                yield GaugeMetricFamily(metric.name, metric.doc, metric.read())
            else:
                buckets: list[tuple[str, float]] = []
                seen = 0
                for bound, count in zip((*metric.bounds, float("inf")), metric.counts, strict=True):
                    seen += count
                    buckets.append(("+Inf" if bound == float("inf") else str(bound), seen))
                yield HistogramMetricFamily(metric.name, metric.doc, buckets=buckets, sum_value=metric.sum)


def text() -> str:
    registry = CollectorRegistry()
    registry.register(Ours())
    return generate_latest(registry).decode()
