"""A picture for many: whatever each has missed, it comes to the newest one."""

from hypothesis import given
from hypothesis import strategies as st

from shmtui.session.broadcast import Broadcast, Row
from tests.serving import apply

PIECES = st.tuples(
    st.sampled_from(["color:#000000", "color:#ffffff"]), st.text(), st.integers(0, 9)
)
ROWS = st.lists(st.lists(PIECES, max_size=3).map(tuple), min_size=1, max_size=4)


@given(st.lists(st.tuples(ROWS, st.sets(st.integers(0, 2)))))
def test_each_viewer_comes_to_the_newest_picture(steps: list[tuple[list[Row], set[int]]]) -> None:
    """Also one that took no picture for a while, and one that comes late."""
    broadcast = Broadcast()
    seen: list[list[str]] = [[], [], []]
    versions = [0, 0, 0]
    for rows, takers in steps:
        broadcast.show(rows)
        for who in takers:
            if broadcast.version > versions[who]:
                apply(seen[who], broadcast.since(versions[who]))
                versions[who] = broadcast.version
            assert seen[who] == ["".join(piece[1] for piece in row) for row in rows]


def test_what_is_as_before_is_not_told() -> None:
    """The same picture is no new one, and only the row that changed is told."""
    broadcast = Broadcast()
    first: Row = (("color:#000000", "a", 0),)
    broadcast.show([first, first])
    broadcast.show([first, first])
    assert broadcast.version == 1
    broadcast.show([first, (("color:#000000", "好", 2),)])
    told = '{"rows":2,"styles":["color:#000000"],"changed":{"1":[[0,"好",2]]}}'
    assert broadcast.since(1) == told
