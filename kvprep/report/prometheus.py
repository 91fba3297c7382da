"""Metrics in Prometheus' text format, for the textfile collector of its node exporter.

Counters are of all events ever, compacted ones included, so that they never go down. No label names a document, a path
or a person. Source: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kvprep.report import traffic
from kvprep.report.stock import Stock
from kvprep.store.usage import HITS, EventKind, Histogram, Sum

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)
"""Seconds, up to which loads are counted."""
_MODEL_DIGITS = 12
_SHADOW_RESULTS = ("equal", "differs", "stale")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric with its samples: suffix of the name, labels, value."""

    name: str
    kind: str
    """counter, gauge, histogram or summary."""
    help: str
    samples: Sequence[tuple[str, Labels, float]]


def exposition(
    stocks: Sequence[Stock],
    sums: Sequence[Sum],
    loads: Mapping[str, Histogram],
    last_success: float | None,
    *,
    whole: Sequence[Sum],
) -> str:
    """Write all metrics.

    Args:
        stocks: what is held now, by namespace.
        sums: of all events ever, of these namespaces.
        loads: how long loads took, by namespace.
        last_success: of an ingest or verify, in seconds since 1970.
        whole: the sums that metrics without a namespace are of; with them go those of namespaces that are gone, where
            the report is of the whole store: else such a counter would fall, and Prometheus take that for a new start.
    """
    metrics = [
        *_look_up_metrics(stocks, traffic.look_ups(sums)),
        _load_seconds(stocks, loads),
        _prefill_seconds(stocks, sums),
        *_stock_metrics(stocks),
        *_failure_metrics(whole),
    ]
    if last_success is not None:
        told = "When an ingest or a verify last ended well, in seconds since 1970."
        metrics.append(Metric("kvprep_last_success_timestamp_seconds", "gauge", told, [("", (), last_success)]))
    return "".join(line + "\n" for metric in metrics for line in _lines(metric))


def _look_up_metrics(stocks: Sequence[Stock], rows: Sequence[Sum]) -> Iterator[Metric]:
    names = _names(stocks)
    used = {namespace: traffic.Tally() for namespace in names}
    used |= traffic.tallies(rows, lambda row: row.namespace)
    counts: Counter[Labels] = Counter()
    for row in rows:
        model = row.model[:_MODEL_DIGITS]
        counts[(*_label(names, row.namespace), ("model", model), ("result", row.result))] += row.count
    yield _counter("kvprep_lookups_total", "Look-ups of documents.", counts)
    for name, told, field in (
        ("kvprep_lookup_tokens_total", "Tokens that look-ups asked for.", "requested"),
        ("kvprep_hit_tokens_total", "Tokens that were loaded in place of computing them.", "reused"),
        ("kvprep_prefill_seconds_saved_total", "Prefill that loads spared, in seconds.", "saved_s"),
    ):
        yield _counter(name, told, {_label(names, ident): getattr(tally, field) for ident, tally in used.items()})


def _load_seconds(stocks: Sequence[Stock], loads: Mapping[str, Histogram]) -> Metric:
    samples: list[tuple[str, Labels, float]] = []
    for stock in stocks:
        label = _label(_names(stocks), stock.namespace)
        found = loads[stock.namespace]
        bounds = [(repr(bound), found.count_up_to(bound)) for bound in _BOUNDS]
        for bound, count in (*bounds, ("+Inf", found.count)):
            samples.append(("_bucket", (*label, ("le", bound)), count))
        samples += [("_count", label, found.count), ("_sum", label, found.total)]
    return Metric("kvprep_load_seconds", "histogram", "How long loads took, in seconds.", samples)


def _prefill_seconds(stocks: Sequence[Stock], sums: Iterable[Sum]) -> Metric:
    """Count prefills that were really done: of what was stored, and of look-ups that were answered cold."""
    names = _names(stocks)
    counts: Counter[str] = Counter(dict.fromkeys(names, 0))
    seconds = dict.fromkeys(names, 0.0)
    for row in sums:
        is_cold = row.kind == EventKind.LOOK_UP and row.result not in HITS
        if row.namespace in names and (row.kind == EventKind.WRITE or is_cold):
            counts[row.namespace] += row.count
            seconds[row.namespace] += row.prefill_seconds
    samples: list[tuple[str, Labels, float]] = []
    for namespace in names:
        label = _label(names, namespace)
        samples += [("_count", label, counts[namespace]), ("_sum", label, seconds[namespace])]
    return Metric("kvprep_prefill_seconds", "summary", "How long prefills took, in seconds.", samples)


def _stock_metrics(stocks: Sequence[Stock]) -> Iterator[Metric]:
    labels = [_label(_names(stocks), stock.namespace) for stock in stocks]
    sizes = [("", label, stock.num_bytes) for label, stock in zip(labels, stocks, strict=True)]
    yield Metric("kvprep_stored_bytes", "gauge", "Bytes on disk.", sizes)
    counts = [("", label, len(stock.holdings)) for label, stock in zip(labels, stocks, strict=True)]
    yield Metric("kvprep_entries", "gauge", "Documents with keys and values, counted for each model.", counts)


def _failure_metrics(sums: Sequence[Sum]) -> Iterator[Metric]:
    removed = traffic.by_result(sums, EventKind.INVALIDATION)
    yield _counter("kvprep_invalidations_total", "Entries that were invalidated.", _by("reason", removed))
    broken = traffic.by_result(sums, EventKind.VERIFICATION)
    del broken["ok"]
    broken["look-up"] = traffic.by_result(sums, EventKind.LOOK_UP)["corrupt"]
    yield _counter(
        "kvprep_integrity_failures_total", "What verify found, and look-ups of what is damaged.", _by("kind", broken)
    )
    checks = traffic.by_result(sums, EventKind.SHADOW)
    each = {result: checks[result] for result in _SHADOW_RESULTS}
    yield _counter("kvprep_shadow_checks_total", "Hits that were computed again and compared.", _by("result", each))
    stale: dict[Labels, float] = {(): checks["stale"]}
    yield _counter("kvprep_stale_served_total", "Answers from a text that its source no longer has.", stale)


def _names(stocks: Iterable[Stock]) -> dict[str, str]:
    return {stock.namespace: stock.name for stock in stocks}


def _label(names: Mapping[str, str], namespace: str) -> Labels:
    return (("namespace", names[namespace]),)


def _by(label: str, counts: Mapping[str, float]) -> dict[Labels, float]:
    return {((label, value),): count for value, count in counts.items()}


def _counter(name: str, told: str, values: Mapping[Labels, float]) -> Metric:
    return Metric(name, "counter", told, [("", labels, value) for labels, value in sorted(values.items())])


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for suffix, labels, value in metric.samples:
        # No value needs an escape: names of namespaces are letters, digits and signs, the others are hex or words.
        shown = ",".join(f'{name}="{text}"' for name, text in labels)
        yield f"{metric.name}{suffix}{{{shown}}} {value!r}" if shown else f"{metric.name}{suffix} {value!r}"
