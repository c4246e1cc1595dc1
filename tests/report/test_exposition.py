"""The text of the metrics parses back to what was meant, whatever the names hold."""

import json
import re
import shlex
import subprocess
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.monitor.segment_watch import WatchedSegment
from shmtui.report.exposition import METRICS, exposition
from shmtui.report.prometheus import shipped
from shmtui.shm.item_counts import Method, Throughput, Totals
from shmtui.shm.protocol import Role
from shmtui.shm.segment_info import SegmentInfo
from shmtui.snapshot import Certainty, Finding, Health, Process, ProcessState, Snapshot, Status
from tests.compiling import require
from tests.tui.records import raw_snapshot, snapshot

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
NAMES: Final = st.text(
    st.characters() | st.sampled_from('\\"\n{},=# \x1b\udce9\u202e'), min_size=1, max_size=20
)
LINE: Final = re.compile(r"([a-z_]+)\{((?:[a-z_]+=\"(?:[^\"\\\n]|\\[\\\"n])*\",?)*)\} (\S+)")
LABEL: Final = re.compile(r"([a-z_]+)=\"((?:[^\"\\\n]|\\[\\\"n])*)\"")


def parsed(text: str) -> Samples:
    """The samples by metric and labels; AssertionError: it is not in the format, or a series is twice."""
    found: Samples = {}
    typed: set[str] = set()
    assert text.endswith("\n")
    for line in text.split("\n")[:-1]:
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in typed, "a metric stands in two places"
            typed.add(name)
        if line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        assert match is not None, line
        assert match[1] in typed
        labels = tuple((name, unescaped(value)) for name, value in LABEL.findall(match[2]))
        key = match[1], labels
        assert key not in found, f"twice: {key}"
        found[key] = float(match[3])
    return found


def unescaped(value: str) -> str:
    """A label's value as Prometheus reads it."""
    meant = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
    return re.sub(r"\\[\\\"n]", lambda escape: meant[escape[0]], value)


def one(name: str, **changes: Any) -> WatchedSegment:
    """A segment of that name that was read."""
    facts: dict[str, Any] = {"segment": SegmentInfo(name, 128, 27, 0o600, "me"), **changes}
    found = snapshot(**facts)
    return WatchedSegment(name, found, 4096)


def values(text: str, metric: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by those of its labels, but for the segment."""
    return {
        tuple(value for _name, value in labels[1:]): value
        for (name, labels), value in parsed(text).items()
        if name == metric
    }


@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), NAMES, NAMES, NAMES)
def test_parses_back(names: list[str], process: str, item: str, owner: str) -> None:
    """Each segment has its own series, and no name breaks a line or adds a label."""
    base = snapshot()
    segments = [
        one(
            f"/{name}",
            segment=SegmentInfo(f"/{name}", 128, 27, 0o600, owner),
            layout=replace(base.layout, item_type=item),
            processes=(
                Process(number, process, Role.PRODUCER, ProcessState.RUNNING, items=number),
            ),
        )
        for number, name in enumerate(names, 1)
    ]
    text = exposition(segments, processes=True)
    text.encode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    found = parsed(text)
    ups = {labels[0][1] for name, labels in found if name == "shmtui_segment_up"}
    assert len(ups) == len(names)
    items = [value for (name, _l), value in found.items() if name == "shmtui_process_items_total"]
    assert items == [*range(1, len(names) + 1)]
    assert {len(labels) for name, labels in found if name == "shmtui_segment_info"} == {7}


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20))
def test_a_segment_is_one_word_of_a_shell(name: str) -> None:
    """A command in an alert can be pasted, and does what it says."""
    ((_metric, ((_label, word),)),) = [
        key
        for key in parsed(exposition([WatchedSegment("/" + name, why="gone")]))
        if key[0].endswith("_up")
    ]
    assert shlex.split(word) == ["/" + name]


def test_unknown_has_no_series() -> None:
    """A segment of which only the bytes are known, and one that could not be read."""
    found = parsed(
        exposition([WatchedSegment("/x", raw_snapshot()), WatchedSegment("/y", why="gone")])
    )
    told = {name for name, labels in found if ("segment", "/x") in labels}
    assert told.isdisjoint(
        {
            "shmtui_ring_slots", "shmtui_ring_occupied_slots", "shmtui_items_produced_total",
            "shmtui_semaphore_value", "shmtui_segment_healthy", "shmtui_findings",
        }
    )  # fmt: skip
    assert {name for name, labels in found if ("segment", "/y") in labels} == {"shmtui_segment_up"}
    assert found["shmtui_segment_up", (("segment", "/y"),)] == 0


def test_not_looked_at_yet() -> None:
    """A segment that was not read yet is neither up nor down."""
    assert {name for name, _l in parsed(exposition([WatchedSegment("/x")]))} == {
        "shmtui_build_info"
    }


def test_zero_is_zero() -> None:
    """An empty ring has 0 items, and not none."""
    found = values(exposition([one("/x", occupancy=0, in_=1, out=1)]), "shmtui_ring_occupied_slots")
    assert found == {(): 0}


def finding(code: str, certainty: Certainty, subject: str = "") -> Finding:
    return Finding(code, Status.CRITICAL, "", (), certainty, "", subject)


@pytest.mark.parametrize(
    ("health", "healthy"),
    [
        (Health(Status.OK), {(): 1}),
        (Health(Status.UNKNOWN), {}),
        (Health(Status.CRITICAL, (finding("stalled", Certainty.LIKELY),)), {(): 0}),
    ],
)
def test_what_was_not_judged_is_absent(health: Health, healthy: dict[tuple[str, ...], int]) -> None:
    """1 where all was judged and nothing found, 0 where something was, else nothing."""
    assert values(exposition([one("/x", health=health)]), "shmtui_segment_healthy") == healthy


def test_findings_by_code_and_certainty() -> None:
    """Several of one code and certainty are counted."""
    found = (
        finding("ghost-waiter", Certainty.CERTAIN, "empty"),
        finding("ghost-waiter", Certainty.CERTAIN, "full"),
        finding("ghost-waiter", Certainty.LIKELY, "mutex"),
    )
    text = exposition([one("/x", health=Health(Status.CRITICAL, found))])
    assert values(text, "shmtui_findings") == {
        ("ghost-waiter", "critical", "certain"): 2,
        ("ghost-waiter", "critical", "likely"): 1,
    }


def test_items_are_counted_only_where_all_are() -> None:
    """Where others move, or moved, items that nobody counts, the number is unknown."""

    def produced(**changes: Any) -> dict[tuple[str, ...], float]:
        text = exposition([one("/x", totals=Totals(20, 17, 0, 0), **changes)])
        return values(text, "shmtui_items_produced_total")

    assert produced() == {(): 20}
    assert produced(guests=True) == {}
    assert produced(throughput=Throughput(1.0, 1.0, Method.INDEX)) == {}


def test_orphans() -> None:
    """1 where no process has it, nothing where one that is not seen may."""

    def orphan(**changes: Any) -> dict[tuple[str, ...], float]:
        return values(exposition([one("/x", **changes)]), "shmtui_segment_orphan")

    assert orphan() == {(): 0}
    assert orphan(processes=()) == {(): 1}
    assert orphan(processes=(), unseen=True) == {}
    assert orphan(processes=(), supervised=True) == {(): 0}


def test_processes_on_request_alone() -> None:
    """Series of processes are many, and short-lived."""
    assert "pid=" not in exposition([one("/x")])
    assert "pid=" in exposition([one("/x")], processes=True)


def everything() -> Snapshot:
    """A snapshot in which every metric has a value."""
    blocked = Process(7, "p\x1b", Role.CONSUMER, ProcessState.BLOCKED, items=3, blocked_for=1.5)
    return snapshot(
        processes=(blocked,),
        health=Health(Status.CRITICAL, (finding("stalled", Certainty.LIKELY),)),
    )


def test_promtool_takes_it() -> None:
    """Prometheus's own check has nothing to say."""
    tool = require("promtool")
    text = exposition(
        [WatchedSegment('/a"b\n', everything(), 4096), WatchedSegment("/y", why="gone")],
        processes=True,
    )
    assert all(f"# TYPE {metric.name} {metric.kind}\n" in text for metric in METRICS)
    done = subprocess.run(
        [tool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_shipped_files_ask_for_what_there_is() -> None:
    """Rules and dashboard name metrics that are exported, and no others."""
    text = exposition([WatchedSegment("/x", everything(), 4096)], processes=True)
    exported = set(re.findall(r"# TYPE (\w+)", text))
    for what in ("rules", "dashboard"):
        asked = set(re.findall(r"\bshmtui_[a-z_]+\b", shipped(what)))
        assert asked
        assert asked <= exported
    panels = json.loads(shipped("dashboard"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
