"""What changed between two snapshots, and what did not."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.events import Severity
from shmtui.monitor.changes import health_events, segment_events
from shmtui.monitor.event_log import EventLog
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment_info import (
    LayoutInfo,
    LayoutSource,
    Offsets,
    SegmentInfo,
    SemaphoreState,
)
from shmtui.snapshot import (
    EMPTY,
    Certainty,
    Finding,
    Health,
    Origin,
    Process,
    ProcessState,
    Snapshot,
    Status,
)

SEGMENT = SegmentInfo("/jobs", 128, 27, 0o600, "ana")


def look(*processes: Process, **changes: Any) -> Snapshot:
    """A snapshot of /jobs."""
    facts: dict[str, Any] = {
        "time": 1.0,
        "monotonic_ns": 1,
        "segment": SEGMENT,
        "layout": LayoutInfo(LayoutSource.OPTIONS, 5, "int32", 4, Offsets(0, 20, 24)),
        "processes": processes,
    }
    return Snapshot(**{**facts, **changes})


def foreign(pid: int, role: Role = Role.UNKNOWN, **changes: Any) -> Process:
    """Somebody else's process."""
    return Process(pid, changes.pop("name", f"./p{pid}"), role, ProcessState.RUNNING, **changes)


def texts(previous: Snapshot, current: Snapshot, **options: bool) -> list[str]:
    """What is told."""
    return [event.text for event in segment_events(previous, current, **options)]


def test_nothing_is_nothing() -> None:
    """Two snapshots that agree, the first snapshot of all, and snapshots of two segments."""
    same = look(foreign(1))
    other = replace(same, segment=replace(SEGMENT, name="/other"))
    assert texts(same, same) == texts(EMPTY, same) == texts(other, same) == []


def test_who_joins_and_leaves_is_named() -> None:
    """A role told from behaviour carries a question mark."""
    one, two = (
        look(foreign(1)),
        look(foreign(1), foreign(41333, Role.CONSUMER, name="./consumidor")),
    )
    assert texts(one, two) == ["./consumidor (PID 41333) joined as consumer?"]
    assert texts(two, one) == ["./consumidor (PID 41333) left"]
    assert texts(look(foreign(2)), one) == ["./p1 (PID 1) joined", "./p2 (PID 2) left"]


def test_a_role_that_shows_itself_is_told_with_what_showed_it() -> None:
    """Once: from unknown to known."""
    before = look(foreign(1))
    after = look(foreign(1, Role.PRODUCER, blocked_on=SemaphoreRole.EMPTY))
    assert texts(before, after) == ["./p1 (PID 1) is a producer: it waits on empty"]
    assert texts(after, after) == []


def test_the_last_to_leave_is_told() -> None:
    """Unless a process may map it that this user cannot read."""
    before = look(foreign(1))
    assert texts(before, look())[-1] == "no process maps /jobs any more"
    assert texts(before, look(unseen=True)) == ["./p1 (PID 1) left"]


def test_an_end_that_is_still_news_says_how() -> None:
    """As the process is in the list with how it ended."""
    dead = replace(foreign(1), state=ProcessState.ENDED, ending="killed by SIGKILL")
    assert texts(look(foreign(1)), look(dead, foreign(2)))[-1].endswith("left: killed by SIGKILL")


def test_workers_are_the_supervisors_to_tell_of() -> None:
    """Where there is one; of another shmtui's run its workers are reported here."""
    before, after = (
        look(foreign(1)),
        look(foreign(1), foreign(2, Role.PRODUCER, origin=Origin.WORKER)),
    )
    assert texts(before, after) == []
    assert texts(before, after, workers_too=True) == ["./p2 (PID 2) joined as producer"]
    assert texts(after, before, workers_too=True) == ["./p2 (PID 2) left"]


def test_what_becomes_of_the_file() -> None:
    """Unlinked, cut, grown, replaced; followed or not."""
    now = look(foreign(1))

    def segment(**changes: Any) -> Snapshot:
        return look(foreign(1), segment=replace(SEGMENT, **changes))

    assert "was unlinked" in texts(now, segment(unlinked=True))[0]
    assert texts(segment(unlinked=True), segment(unlinked=True)) == []
    assert texts(now, segment(size=64)) == ["/jobs was truncated from 128 to 64 bytes"]
    assert texts(now, segment(size=256)) == ["/jobs grew from 128 to 256 bytes"]
    assert "still showing the old one" in texts(now, segment(unlinked=True, replaced=True))[0]
    followed = texts(now, look(segment=replace(SEGMENT, inode=31, size=64)))
    assert followed == [
        "another segment took the name /jobs (inode 27, now 31), 128 bytes, now 64: "
        "showing the new one"
    ]


PROCESSES = st.lists(
    st.builds(
        foreign,
        st.integers(1, 6),
        st.sampled_from(Role),
        name=st.text(st.characters(), max_size=20),
        origin=st.sampled_from(Origin),
    ),
    unique_by=lambda p: p.pid,
)


@given(PROCESSES, PROCESSES, st.booleans())
def test_any_two_looks_make_sentences(
    before: list[Process], after: list[Process], workers_too: bool
) -> None:
    """Processes come and go under any name, and where nothing changes there is no event."""
    one, two = look(*before), look(*after)
    for event in segment_events(one, two, workers_too=workers_too):
        assert event.time == two.time
        assert event.text
    assert segment_events(two, two, workers_too=workers_too) == ()


def finding(code: str, severity: Status, subject: str = "") -> Finding:
    """Something wrong."""
    return Finding(code, severity, "it is so", ("seen",), Certainty.CERTAIN, "do so", subject)


def test_findings_come_and_go_as_events() -> None:
    """Each once; two of one code are two things."""
    dead = finding("dead-holder", Status.CRITICAL)
    ghosts = [finding("ghost-waiter", Status.WARNING, of) for of in ("empty", "full")]
    none, all_three = Health(Status.OK), Health(Status.CRITICAL, (dead, *ghosts))
    came = health_events(none, all_three, 2.0)
    assert [(e.severity, e.text) for e in came] == [
        (Severity.BAD, "dead-holder: it is so"),
        (Severity.WARN, "ghost-waiter: it is so"),
        (Severity.WARN, "ghost-waiter: it is so"),
    ]
    assert health_events(all_three, all_three, 2.0) == ()
    went = health_events(all_three, Health(Status.WARNING, (ghosts[0],)), 2.0)
    assert [(e.severity, e.text) for e in went] == [
        (Severity.GOOD, "dead-holder is over"),
        (Severity.GOOD, "ghost-waiter of full is over"),
    ]
    longer = replace(dead, claim="it is so, and worse")
    assert (
        health_events(Health(Status.CRITICAL, (dead,)), Health(Status.CRITICAL, (longer,)), 2.0)
        == ()
    )


def test_what_is_judged_anew_is_not_over_yet() -> None:
    """While the lock stays taken and no item moves; it is over once one has moved, or nothing is wrong."""
    taken = {SemaphoreRole.MUTEX: SemaphoreState(0, 1, True)}
    free = {SemaphoreRole.MUTEX: SemaphoreState(1, 0, True)}
    dead = finding("dead-holder", Status.CRITICAL)
    found = look(semaphores=taken, in_=2, out=1, health=Health(Status.CRITICAL, (dead,)))
    unjudged = replace(found, health=Health(undecided=("something moved",)))
    for last in (
        replace(unjudged, out=2), replace(unjudged, semaphores=free), replace(found, health=Health(Status.OK)),
    ):  # fmt: skip
        log = EventLog()
        for snapshot in (found, unjudged, found, unjudged):
            log.add_snapshot(snapshot, workers_too=True)
        assert [event.text for event in log.take_new()] == ["dead-holder: it is so"]
        log.add_snapshot(last, workers_too=True)
        assert [event.text for event in log.take_new()] == ["dead-holder is over"]
