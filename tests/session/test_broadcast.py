"""A picture for many: whatever each has missed, it comes to the newest one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtui.session import broadcast
from shmtui.session.broadcast import Broadcast, Row
from tests.serving import Told, apply

PIECES = st.tuples(
    st.sampled_from(["color:#000000", "color:#ffffff"]), st.text(), st.integers(0, 9)
)
ROWS = st.lists(st.lists(PIECES, max_size=3).map(tuple), min_size=1, max_size=4)


@given(st.lists(st.tuples(ROWS, st.sets(st.integers(0, 2)))), st.integers(0, 3))
def test_each_viewer_comes_to_the_newest_picture(
    steps: list[tuple[list[Row], set[int]]], most_styles: int
) -> None:
    """Also one that took no picture for a while, one that comes late, and where styles have new numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broadcast, "MOST_STYLES", most_styles)
        shown = Broadcast()
        seen: list[tuple[list[Told], list[str]]] = [([], []), ([], []), ([], [])]
        versions = [0, 0, 0]
        for rows, takers in steps:
            shown.show(rows)
            for who in takers:
                if shown.version > versions[who]:
                    apply(*seen[who], shown.since(versions[who]))
                    versions[who] = shown.version
                assert seen[who][0] == [[(css, text) for css, text, _ in row] for row in rows]


def test_what_is_as_before_is_not_told() -> None:
    """The same picture is no new one, and only the row and the style that are new are told."""
    shown = Broadcast()
    first: Row = (("color:#000000", "a", 0),)
    shown.show([first, first])
    shown.show([first, first])
    assert shown.version == 1
    shown.show([first, (("color:#000000", "好", 2), ("color:#ffffff", "b", 0))])
    told = '{"rows":2,"from":1,"styles":["color:#ffffff"],"changed":{"1":[[0,"好",2],[1,"b"]]}}'
    assert shown.since(1) == told
