"""The live list's rows: what is marked, for how long, and in which order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shmtui.tui.object_rows import MARKED_SECONDS, ORDERS, Change, ObjectRows
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
