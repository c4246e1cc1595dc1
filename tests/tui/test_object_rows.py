"""The live list's rows: what is marked, for how long, and in which order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

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
