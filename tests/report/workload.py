"""A store with a few documents and a month of events, the same each time: for tests of what is made from them.

with workload.build(tmp_path) as made:
    facts = workload.facts_of(made)
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import store_makers

from kvprep.economics.prices import Prices, load_prices
from kvprep.hashing import fingerprint
from kvprep.report.facts import Facts, collect_facts, prepare
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.store.usage import Event, EventKind, Usage
from kvprep.types import ModelIdentity, PrefillCost

DAY = 86400.0
NOW = time.time() // 3600 * 3600
"""The hour that has begun: events are kept one by one for a week, by the clock of this machine."""
OTHER_FIELDS = {"weights": "other", "engine": "e"}
OTHER_MODEL = ModelIdentity("other-model", tuple(sorted(OTHER_FIELDS.items())), fingerprint(OTHER_FIELDS))
_RESULTS = ("hit",) * 80 + ("partial",) * 4 + ("miss",) * 8 + ("stale",) * 4 + ("expired",) * 2 + ("mismatch", "denied")
_TITLES = (
    "Lease of Mill Court",
    "Handbook for new colleagues, third edition",
    "Vertrag über die Wartung der Aufzüge",
    "Annual report 2025: 契約書 <b>&</b>",
)


@dataclass(frozen=True)
class Workload:
    """What was built."""

    store: Store
    namespaces: list[Namespace]
    events: list[tuple[float, Event]]
    """With their times, in the order of recording, kept apart from what the store counts."""
    now: float


@contextmanager
def build(
    folder: Path,
    *,
    documents: int = 8,
    look_ups: int = 400,
    days: int = 30,
    now: float = NOW,
    rare: bool = True,
    title: str = _TITLES[0],
) -> Iterator[Workload]:
    """Make a store in a folder, with its key beside, and record a simulated time that ends at `now`.

    `rare` adds what seldom happens: failures, removals, checks, and somebody who reads one document sixty times.

    Documents 4, 5 … are invoices that share their first blocks; the last one is never read; the second namespace
    holds one document of another model.
    """
    chance = random.Random(0)
    begin = now - days * DAY
    with Store.create(folder / "store", key_file=folder / "key") as store:
        main = store.namespace("default")
        other = store.namespace("team", create=True)
        put = [(main, p) for p in _put_documents(main, (title, *_TITLES[1:]), documents, begin)] + [
            (other, _put_other(other, begin))
        ]
        events = [(begin, _write(ns, each)) for ns, each in put]
        events += _look_ups(chance, put, look_ups, begin, days)
        events += [*_rare(put, begin, days), *_scraped(chance, *put[0], begin + 2 * DAY)] if rare else []
        for number, (at, event) in enumerate(sorted(events, key=lambda pair: pair[0]), start=1):
            store.usage.record(event, at=at)
            if not number % 1000:  # of those that wait, more than ten thousand are not kept
                store.usage.flush()
        store.usage.flush()
        yield Workload(store, [main, other], events, now)


def facts_of(made: Workload, *, since: float = 0.0, prices: Prices | None = None) -> Facts:
    """Build the facts of a workload's report at its end."""
    return collect_facts(prepare(made.store, made.namespaces, prices or load_prices(), since=since, now=made.now))


def record_killed(path: Path, events: Sequence[tuple[float, Event]], now: float) -> int:
    """Record events anew in processes that are killed, as are compactions between them; return how many were killed.

    Each carries on behind what the one before has written, which is never less than it had said.
    """
    path.unlink()
    chance, killed, written = random.Random(1), 0, 0
    while written < len(events):
        told, tell = os.pipe()
        child = _forked(lambda begin=written, tell=tell: _record_and_tell(path, events[begin:], tell))
        os.close(tell)
        with os.fdopen(told, "rb", buffering=0) as groups:
            said = written + len(groups.read(chance.randrange(1, 5))) * _GROUP
            time.sleep(chance.random() * 0.01)
            killed += _kill(child)
            said += len(groups.read()) * _GROUP
        compacting = _forked(lambda: Usage(path).compact(now + 100 * DAY))
        time.sleep(chance.random() * 0.05)
        killed += _kill(compacting)
        with closing(Usage(path)) as usage:
            written = sum(row.events for row in usage.sums())
        assert written >= min(said, len(events))
    return killed


_GROUP = 500


def _record_and_tell(path: Path, events: Sequence[tuple[float, Event]], tell: int) -> None:
    usage = Usage(path)
    for begin in range(0, len(events), _GROUP):
        for at, event in events[begin : begin + _GROUP]:
            usage.record(event, at=at)
        usage.flush()
        os.write(tell, b".")


def _forked(run: Callable[[], object]) -> int:
    child = os.fork()
    if not child:
        try:
            run()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def _kill(child: int) -> bool:
    """Kill a process; false where it had ended before."""
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def shadow(made: Workload, result: str) -> Event:
    """Make the event of a shadow check of the first document."""
    first = next(event for _, event in made.events if event.kind == EventKind.WRITE)
    return Event(
        EventKind.SHADOW,
        namespace=first.namespace,
        model=first.model,
        document=first.document,
        principal=first.principal,
        result=result,
    )


def _put_documents(namespace: Namespace, titles: Sequence[str], count: int, begin: float) -> list[store_makers.Put]:
    found: list[store_makers.Put] = []
    for number in range(count):
        title = titles[number] if number < len(titles) else f"Invoice {number:03} of Nordlicht"
        if number <= 4:
            made = store_makers.put(namespace, f"text {number}", seed=number, path=f"/x/{number}.txt")
        else:
            made = _branch(namespace, found[4], number)
        found.append(_at(namespace, made, title, begin + number * 60))
    return found


def _branch(namespace: Namespace, trunk: store_makers.Put, number: int) -> store_makers.Put:
    return store_makers.put_branch(namespace, trunk, f"text {number}", path=f"/x/{number}.txt", count=200 + number)


def _put_other(namespace: Namespace, begin: float) -> store_makers.Put:
    made = store_makers.put(namespace, "text of the team", seed=99)
    dated = _at(namespace, replace(made, entry=replace(made.entry, model=OTHER_MODEL)), "Minutes of the team", begin)
    namespace.remove([made.ident])
    return dated


def _at(namespace: Namespace, made: store_makers.Put, title: str, at: float) -> store_makers.Put:
    """Date what was put back, and give it a title."""
    document = replace(made.document, title=title, created_at=at)
    entry = replace(made.entry, created_at=at, cost=PrefillCost(made.entry.num_tokens, 38.0, 3e12))
    return replace(made, ident=namespace.put(document, entry), document=document, entry=entry)


def _write(namespace: Namespace, made: store_makers.Put) -> Event:
    return replace(
        _event(namespace, made, EventKind.WRITE, "stored"),
        tokens_requested=made.entry.num_tokens,
        num_bytes=made.entry.kv_bytes,
        prefill_seconds=made.entry.cost.seconds,
    )


def _event(namespace: Namespace, made: store_makers.Put, kind: EventKind, result: str) -> Event:
    return Event(
        kind,
        namespace=namespace.ident.hex(),
        model=made.entry.model.fingerprint.hex(),
        document=namespace.document_id(made.document.content_hash).hex(),
        principal="root/owner",
        result=result,
    )


def _look_ups(
    chance: random.Random, put: list[tuple[Namespace, store_makers.Put]], count: int, begin: float, days: int
) -> list[tuple[float, Event]]:
    found = []
    for _ in range(count):
        # Few documents are read often, most seldom, and the last of the first namespace never.
        number = min(int(chance.expovariate(0.5)), len(put) - 1)
        number = number if number != len(put) - 2 else len(put) - 1
        namespace, made = put[number]
        event = _look_up(chance, _event(namespace, made, EventKind.LOOK_UP, chance.choice(_RESULTS)), made)
        found.append((begin + 600 + chance.random() * (days * DAY - 660), event))
    return found


def _scraped(
    chance: random.Random, namespace: Namespace, made: store_makers.Put, begin: float
) -> list[tuple[float, Event]]:
    event = _look_up(chance, _event(namespace, made, EventKind.LOOK_UP, "hit"), made)
    return [(begin + second, replace(event, principal="root/scraper")) for second in range(60)]


def _look_up(chance: random.Random, event: Event, made: store_makers.Put) -> Event:
    tokens = made.entry.num_tokens
    reused = {"hit": tokens, "partial": tokens // 2}.get(event.result, 0)
    spared = made.entry.cost.seconds * reused / tokens
    return replace(
        event,
        principal=chance.choice(("anna/laptop", "ben/desk", "root/owner")),
        tokens_requested=tokens + 20,
        tokens_reused=reused,
        load_seconds=chance.uniform(0.01, 0.05) if reused else 0.0,
        first_token_seconds=chance.uniform(0.05, 0.2) + (0.0 if reused else made.entry.cost.seconds),
        prefill_seconds=made.entry.cost.seconds,
        saved_seconds=spared,
        saved_flops=made.entry.cost.flops * reused / tokens,
    )


def _rare(put: list[tuple[Namespace, store_makers.Put]], begin: float, days: int) -> list[tuple[float, Event]]:
    first, second = put[0], put[1]
    late = begin + (days - 1) * DAY
    return [
        (begin + DAY, replace(_event(*first, EventKind.INVALIDATION, "superseded"), num_bytes=1000)),
        (begin + 3 * DAY, replace(_event(*second, EventKind.INVALIDATION, "expired"), count=2)),
        (begin + 4 * DAY, _event(*first, EventKind.EVICTION, "idle")),
        (late, Event(EventKind.VERIFICATION, principal="root/owner", result="ok")),
        (late + 1, Event(EventKind.VERIFICATION, principal="root/owner", result="segments", count=2)),
        (late + 2, replace(_event(*first, EventKind.SHADOW, "equal"), count=5)),
        (late + 3, _event(*second, EventKind.SHADOW, "differs")),
        (late + 4, _event(*first, EventKind.SHADOW, "stale")),
        (late + 5, replace(_event(*second, EventKind.LOOK_UP, "corrupt"), tokens_requested=220)),
    ]
