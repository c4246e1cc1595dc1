"""A process that this user may not read may take part unseen, by whose it is and what it may write."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shmtui.monitor.process_table import ProcessTable
from shmtui.monitor.sampler import Sampler
from shmtui.monitor.unseen_processes import classify
from shmtui.procfs.credentials import Credentials, FileAccess, credentials_of, parse_status
from shmtui.procfs.file_users import FileUsers
from shmtui.procfs.maps import map_lines
from shmtui.shm.segment import identity_at, segment_path
from tests.conftest import MakeBuffer

HIDES_ITSELF = """
import ctypes, sys
from shmtui.shm.segment import map_segment
mapping = map_segment(sys.argv[1])
first = mapping[0]
prctl = ctypes.CDLL(None).prctl
for dumpable in map(int, sys.stdin):
    prctl(4, dumpable, 0, 0, 0)
    print("done", flush=True)
"""
"""PR_SET_DUMPABLE by each line: while it is 0 the kernel gives its /proc files to root."""


class Peer:
    """A process of this user that maps a segment, has touched it, and can hide from this user."""

    def __init__(self, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HIDES_ITSELF, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self.process.pid
        self.show()

    def hide(self) -> None:
        """Become unreadable."""
        self._say(b"0\n")

    def show(self) -> None:
        """Become readable."""
        self._say(b"1\n")

    def _say(self, line: bytes) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def peer(make_buffer: MakeBuffer) -> Iterator[tuple[Peer, str]]:
    """The process and the name of the segment that it maps."""
    name = make_buffer().name
    found = Peer(name)
    found.hide()
    readable = map_lines(found.pid) is not None
    found.show()
    if readable:
        found.end()
        pytest.skip("this user may read every process: run as an ordinary user")
    yield found, name
    found.end()


def test_a_process_that_becomes_readable_is_seen(peer: tuple[Peer, str]) -> None:
    """It counts as unreadable only as long as it is."""
    process, name = peer
    identity = identity_at(segment_path(name))
    assert identity is not None
    users = FileUsers(identity)
    process.hide()
    users.scan()
    assert process.pid in users.unreadable
    assert process.pid not in users.uses
    process.show()
    users.scan(everybody=True)
    assert process.pid not in users.unreadable
    assert process.pid in users.uses
    process.hide()
    users.scan()
    assert process.pid in users.unreadable


def test_watchers_of_many_segments_share_what_they_cannot_read(peer: tuple[Peer, str]) -> None:
    """Each would keep it of all the machine's processes: nothing of them is a segment's own."""
    process, name = peer
    identity = identity_at(segment_path(name))
    assert identity is not None
    process.hide()
    first, second = (ProcessTable(identity, None, likely=lambda: {process.pid}) for _each in "12")
    for table in (first, second):
        # Meanwhile others may come and go.
        for _scan in range(FileUsers.UNCHANGED):
            table.read((), 0, FileAccess(os.geteuid(), os.getegid(), 0o600), thorough=True)
        assert process.pid in table._users.unreadable
        assert process.pid not in table._users._stamps
        assert not table._users.refused
    both = first._users.unreadable, second._users.unreadable
    assert both[0] is both[1] or both[0] != both[1]
    process.show()
    for _scan in range(FileUsers.UNCHANGED):
        first._users.scan()
    assert process.pid not in first._users.unreadable
    assert process.pid in first._users.uses


def test_an_unreadable_process_of_the_owner_counts(peer: tuple[Peer, str]) -> None:
    """It could write to the segment: the snapshot says that a process may be unseen, and which."""
    process, name = peer
    process.hide()
    sampler = Sampler(name)
    hidden = sampler.sample(thorough=True)
    process.show()
    seen = sampler.sample(thorough=True)
    sampler.close()
    assert hidden.unseen
    assert hidden.hidden
    assert any(str(process.pid) in limit or "processes" in limit for limit in hidden.limits)
    assert not seen.unseen
    assert process.pid in {p.pid for p in seen.processes}


def test_an_unreadable_process_that_never_came_near_takes_no_part(
    peer: tuple[Peer, str], make_buffer: MakeBuffer
) -> None:
    """A desktop has many: it has shared memory in use, and could open the segment. The kernel counts nobody at
    the locks but those that are seen.
    """
    process, other = peer
    process.hide()
    buffer = make_buffer()
    with contextlib.ExitStack() as ends:
        for name in (buffer.name, other):
            ends.callback(Peer(name).end)
        for name, unseen in ((buffer.name, False), (other, True)):
            sampler = Sampler(name)
            ends.callback(sampler.close)
            snapshot = sampler.sample(thorough=True)
            assert snapshot.unseen is unseen
            assert bool(snapshot.unseen_pids) is unseen
            assert any("cannot be read" in limit for limit in snapshot.limits) is unseen
            assert any("nobody at the locks" in each for each in snapshot.assumptions) is not unseen


def test_credentials_are_read_though_the_process_is_hidden(peer: tuple[Peer, str]) -> None:
    """Not the owner of its /proc folder, which is root while it is hidden."""
    process, _name = peer
    process.hide()
    found = credentials_of(process.pid)
    assert found is not None
    assert found.users == {os.geteuid()}


USERS = st.sampled_from([0, 33, 1000, 1001])
CREDENTIALS = st.builds(
    Credentials, st.frozensets(USERS, min_size=1), st.frozensets(USERS, min_size=1), st.booleans(),
    st.booleans(),
)  # fmt: skip
FILES = st.builds(FileAccess, USERS, USERS, st.integers(0, 0o777))


@given(st.lists(st.tuples(st.integers(2, 99), CREDENTIALS), unique_by=lambda p: p[0]), FILES)
def test_everybody_unreadable_counts_or_is_named(
    processes: list[tuple[int, Credentials]], file: FileAccess
) -> None:
    """None is forgotten: a process could write, or an assumption is made of it."""
    found = classify(processes, file)
    assert len(found.writers) + found.root + found.barred + found.idle == len(processes)
    assert found.may_take_part == bool(found.writers)
    assert bool(found.limits) == found.may_take_part
    assert bool(found.assumptions) == bool(found.root or found.barred or found.idle)
    for pid, process in processes:
        owner = file.user in process.users and 0 not in process.users
        assert not owner or process.uses_no_shared_memory or pid in found.writers


def test_roots_processes_count_for_roots_segment() -> None:
    """Beside a user's own segment they are an assumption; a segment of root is theirs."""
    daemons = [(pid, Credentials(frozenset({0}), frozenset({0}))) for pid in range(2, 9)]
    own = FileAccess(1000, 1000, 0o666)
    assert not classify(daemons, own).may_take_part
    assert classify(daemons, own).root == 7
    assert classify(daemons, replace(own, user=0, mode=0o600)).writers == tuple(range(2, 9))


def test_where_proc_lists_nobody_else() -> None:
    """hidepid=2: others count where the mode lets them write, or the segment is another's."""
    own = FileAccess(1000, 1000, 0o600)
    assert not classify([], own, unlisted=True, own_user=1000).may_take_part
    assert classify([], own, unlisted=True, own_user=1000).assumptions
    for other in (replace(own, mode=0o660), replace(own, mode=0o602), replace(own, user=7)):
        assert classify([], other, unlisted=True, own_user=1000).may_take_part


@given(st.text(max_size=200))
def test_any_status_text_is_read_or_refused(text: str) -> None:
    """No text crashes it with anything but ValueError, which counts as gone."""
    try:
        parse_status(text)
    except ValueError:
        return


def test_a_containers_first_process_counts() -> None:
    """It may be the program itself; the machine's first process is its init."""
    first = [(1, Credentials(frozenset({0}), frozenset({0})))]
    own, roots = FileAccess(1000, 1000, 0o600), FileAccess(0, 0, 0o666)
    assert not classify(first, own).assumptions
    assert classify(first, own, contained=True).assumptions
    assert not classify(first, roots).may_take_part
    assert classify(first, roots, contained=True).writers == (1,)
