"""The live list's rows: what is marked, for how long, and in which order."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.monitor.shared_object import ObjectKind
from shmtui.snapshot import Health, Status
from shmtui.tui.object_rows import (
    MARKED_SECONDS,
    ORDERS,
    Change,
    GroupRow,
    ListChoices,
    ObjectRows,
    in_groups,
)
from tests.tui.records import entry

A, B = entry("/a", size=4096, in_use=0), entry("/b", size=128, in_use=4096, orphan=True)


def changes(rows: ObjectRows) -> dict[str, Change]:
    """The marks by target."""
    return {row.each.target: row.change for row in rows.rows("", "name")}


def test_nothing_is_new_at_first() -> None:
    """What comes later is, for a while."""
    rows = ObjectRows()
    assert rows.total is None
    rows.take([A], 0)
    assert changes(rows) == {"/a": Change.NONE}
    rows.take([A, B], 1)
    assert changes(rows) == {"/a": Change.NONE, "/b": Change.NEW}
    rows.take([A, B], 1 + MARKED_SECONDS)
    assert changes(rows) == {"/a": Change.NONE, "/b": Change.NONE}


def test_growth_is_marked() -> None:
    """In size, or in memory that it takes; and not that it shrank."""
    rows = ObjectRows()
    rows.take([A], 0)
    rows.take([replace(A, in_use=4096)], 1)
    assert changes(rows) == {"/a": Change.GROWN}
    rows.take([A], 1 + MARKED_SECONDS)
    assert changes(rows) == {"/a": Change.NONE}


def test_what_is_gone_stays_for_a_while() -> None:
    """And is new again where it comes back."""
    rows = ObjectRows()
    rows.take([A, B], 0)
    rows.take([A], 1)
    assert changes(rows) == {"/a": Change.NONE, "/b": Change.GONE}
    rows.take([A, B], 2)
    assert changes(rows) == {"/a": Change.NONE, "/b": Change.NEW}
    rows.take([A], 3)
    rows.take([A], 3 + MARKED_SECONDS)
    assert changes(rows) == {"/a": Change.NONE}


@given(st.sampled_from(ORDERS), st.lists(st.sampled_from([A, B]), unique=True))
def test_every_order_has_every_row(order: str, objects: list[object]) -> None:
    """Steady: two looks at the same things give the same order."""
    rows = ObjectRows()
    rows.take(objects, 0)  # type: ignore[arg-type]
    first = rows.rows("", order)
    rows.take(reversed(objects), 1)  # type: ignore[arg-type]
    assert rows.rows("", order) == first
    assert len(first) == len(objects) == rows.total


def test_words_choose() -> None:
    """By health too."""
    rows = ObjectRows()
    rows.take([A, B], 0)
    assert [row.each.target for row in rows.rows("orphan", "name")] == ["/b"]
    assert [row.each.target for row in rows.rows("", "in-use")] == ["/b", "/a"]


def test_a_verdict_is_of_one_object() -> None:
    """What has the name next is not called what the one before was."""
    rows, found = ObjectRows(), Health(Status.OK)
    old, new = replace(A, device=1, inode=98), replace(A, device=1, inode=99)
    rows.take([old], 0)
    rows.judge({old.judged_as: found})
    assert [row.each.health for row in rows.rows("", "name")] == [found]
    rows.take([new], 1)
    assert {row.each.inode: row.each.health for row in rows.rows("", "name")} == {
        98: found,
        99: None,
    }


C = entry("/c", mappers=((412, "produtor"), (9, "other")), in_use=8192)


def shown(choices: ListChoices) -> list[str]:
    """The rows: groups by their key and a colon."""
    rows = ObjectRows()
    rows.take([A, B, C], 0)
    found = in_groups(rows.rows("", choices.order), choices)
    return [f"{r.key[0]}:" if isinstance(r, GroupRow) else r.each.target for r in found]


def test_the_order_holds_within_groups() -> None:
    """And the groups come in the order of their first rows."""
    assert shown(ListChoices("name")) == ["/a", "/b", "/c"]
    assert shown(ListChoices("in-use", "kind")) == ["posix:", "/c", "/b", "/a"]
    by_program = ListChoices("name", "program")
    assert shown(by_program) == ["produtor:", "/a", "/b", "/c", "other:", "/c"]
    by_program.folded.add(("program", "produtor"))
    assert shown(by_program) == ["produtor:", "other:", "/c"]


def test_what_is_gone_counts_no_more() -> None:
    """Its row stays for a while; its memory is no longer in the sum."""
    rows = ObjectRows()
    rows.take([B, C], 0)
    rows.take([B], 1)
    found = in_groups(rows.rows("", "name"), ListChoices("name", "kind"))
    assert isinstance(found[0], GroupRow)
    assert found[0].group.in_use == "4.0 K"
    assert len(found) == 3


def marks(before: object, now: object) -> Change:
    """The mark of the only row after two looks."""
    rows = ObjectRows()
    rows.take([before], 0)  # type: ignore[list-item]
    rows.take([now], 1)  # type: ignore[list-item]
    (row,) = rows.rows("", "name")
    return row.change


def test_what_is_only_learned_has_not_grown() -> None:
    """Neither memory that was not known before, nor a bound that became exact."""
    unknown = replace(A, in_use=None)
    assert marks(unknown, replace(A, in_use=8192)) is Change.NONE
    bound = replace(A, in_use=4096, in_use_at_least=True)
    assert marks(bound, replace(A, in_use=8192)) is Change.NONE
    assert marks(bound, replace(bound, in_use=8192)) is Change.GROWN
    assert marks(replace(A, size=4096, size_mapped=True), replace(A, size=8192)) is Change.NONE
    # It grew in memory, though it lost size.
    assert marks(replace(A, in_use=0), replace(A, size=128, in_use=1024)) is Change.GROWN


def test_a_queue_grows_by_its_messages() -> None:
    """Its size is what it may hold."""
    queue = replace(A, kind=ObjectKind.QUEUE, in_use=None, messages=1)
    assert marks(queue, replace(queue, messages=2)) is Change.GROWN
    assert marks(queue, replace(queue, messages=0)) is Change.NONE


def test_memory_keeps_its_row_when_its_name_changes() -> None:
    """That of its first process, which ends; and a segment that is unlinked."""
    memory = replace(A, kind=ObjectKind.ANONYMOUS, target="pid:7:99", device=1, inode=99)
    assert marks(memory, replace(memory, target="pid:8:99")) is Change.NONE
    named = replace(A, device=1, inode=98)
    assert marks(named, replace(named, target="pid:8:98", unlinked=True)) is Change.NONE
    rows = ObjectRows()
    rows.take([named], 0)
    rows.take([replace(named, target="pid:8:98"), replace(named, inode=100)], 1)
    assert {r.each.target: r.change for r in rows.rows("", "name")} == {
        "/a": Change.NEW,
        "pid:8:98": Change.NONE,
    }


def test_two_names_of_one_file_are_two_rows() -> None:
    """A hard link."""
    rows = ObjectRows()
    one = replace(A, device=1, inode=98)
    for now in range(3):
        rows.take([one, replace(one, target="/b")], now)
    assert changes(rows) == {"/a": Change.NONE, "/b": Change.NONE}
