"""The report of a soak, in Markdown, from its journal and its samples. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.soak.evidence import LEAST_S, Sample, growth
from tests.soak.journal import DID, ILL, TOLD, WELL, WRONG, Entry

_FEW_SAMPLES = 5


def false_findings(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Those that were told of a segment while it was known to be healthy."""
    spans: dict[str, list[list[float]]] = defaultdict(list)
    told = []
    for entry in entries:
        if entry.kind == WELL:
            spans[entry.what].append([entry.at, float("inf")])
        elif entry.kind == ILL:
            spans[entry.what][-1][1] = entry.at
        elif entry.kind == TOLD:
            told.append(entry)
    for entry in told:
        if any(start <= entry.more["seen"] < end for start, end in spans[entry.what]):
            what = f"false on {entry.what}: {entry.more['finding']}"
            yield Entry(entry.who, WRONG, what, entry.more["seen"])


def report(
    entries: Sequence[Entry],
    samples: Mapping[tuple[str, int], Sequence[Sample]],
    began: float,
    seed: int,
    cores: float,
) -> list[str]:
    """The lines."""
    failures = [e for e in entries if e.kind == WRONG]
    failures += false_findings(entries)
    rows = []
    for (what, _pid), taken in samples.items():
        if len(taken) >= _FEW_SAMPLES and (not what.startswith("record,") or _long(taken)):
            grown = growth(what, taken)
            rows.append(grown.row)
            failures += [Entry("sizes", WRONG, text, taken[-1].at) for text in grown.wrong]
    last = max([e.at for e in entries], default=began)
    verdict = f"FAILED: {len(failures)} failures" if failures else "nothing lost, leaked or false"
    return [
        f"Soak of {(last - began) / 60:.1f} minutes, seed {seed}, {cores:.2f} cores",
        verdict,
        "",
        *_events(entries),
        "",
        "| long-lived | seconds | MB, first → last fifth | most | KiB/h | descriptors | threads | children |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *rows,
        "",
        *_failures(failures, began),
    ]


def _long(taken: Sequence[Sample]) -> bool:
    return taken[-1].at - taken[0].at >= LEAST_S


def _events(entries: Iterable[Entry]) -> Iterator[str]:
    yield "| actor | event | count |"
    yield "|---|---|---:|"
    counts: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        if entry.kind == DID:
            counts[entry.who, entry.what] += entry.more["count"]
    for (who, what), count in sorted(counts.items()):
        yield f"| {who} | {what} | {count} |"


def _failures(failures: Sequence[Entry], began: float) -> Iterator[str]:
    """Each once, with how often and when first."""
    yield "| actor | failure | times | first at second |"
    yield "|---|---|---:|---:|"
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for entry in failures:
        found[entry.who, entry.what].append(entry.at)
    for (who, what), times in found.items():
        text = " ".join(what.split()).replace("|", "/")
        yield f"| {who} | {text} | {len(times)} | {min(times) - began:.0f} |"
