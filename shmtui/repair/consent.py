"""What a user agrees to in a repair, and what he vouches for where proof is not to be had. Pure."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from shmtui.i18n import _
from shmtui.repair.protocol_positions import Place, ProtocolPosition
from shmtui.shm.protocol import Role, role_words
from shmtui.snapshot import Snapshot


class Consent(msgspec.Struct, frozen=True):
    """The user's word. Without it a plan rests on what can be proved."""

    permits: bool = False
    """Whether ``empty`` and ``full`` may be set where that is right only if every program keeps to
    the protocol."""
    assume_idle: frozenset[int] = frozenset()
    """Processes that hold neither mutex nor a permit."""
    roles: tuple[tuple[int, Role], ...] = ()
    """Processes and their sides."""
    lock: bool = False
    """Whether mutex may be posted where nobody was seen to die with it: no program that ended, or
    has yet to open the segment, is to post it."""
    command: str = ""
    """This repair as a shell command, to which further options can be added."""
    names: dict[str, str] = msgspec.field(default_factory=role_words)
    """As `Snapshot.own_names`, for the texts."""

    @property
    def pids(self) -> frozenset[int]:
        """The processes that something is said of."""
        return self.assume_idle | {pid for pid, _role in self.roles}

    def with_option(self, *options: str) -> str:
        """The command with further options, to be pasted.

        >>> Consent(command="shmtui repair /x").with_option("--permits")
        'shmtui repair /x --permits'
        """
        return " ".join((self.command, *options))

    def assuming_idle(self, pids: Iterable[int]) -> str:
        """The command that vouches for those processes too.

        >>> Consent(command="shmtui repair /x").assuming_idle([])
        'shmtui repair /x'
        """
        return self.with_option(*(f"--assume-idle {pid}" for pid in pids))

    @property
    def lines(self) -> tuple[str, ...]:
        """The user's word, as it stands in a plan.

        >>> Consent(assume_idle=frozenset({7})).lines
        ('your word: PID 7 holds neither mutex nor a permit',)
        """
        idle = _("your word: PID {pid} holds neither {mutex} nor a permit")
        side = _("your word: PID {pid} is a {role}")
        lock = _("your word: the holder of {mutex} is dead, and no program is yet to post it")
        return (
            *((lock.format(**self.names),) if self.lock else ()),
            *(idle.format(**self.names, pid=pid) for pid in sorted(self.assume_idle)),
            *(side.format(pid=pid, role=_(role.value)) for pid, role in self.roles),
        )

    def covers_unseen(self, snapshot: Snapshot) -> bool:
        """Whether the user vouches for every process that cannot be read."""
        pids = snapshot.unseen_pids
        return bool(pids) and self.assume_idle.issuperset(pids)

    def applied(self, positions: Sequence[ProtocolPosition]) -> tuple[ProtocolPosition, ...]:
        """Where the processes stand if the user's word is right.

        One that sleeps on a semaphore is seen to do so, whatever is said of it.
        """
        roles, somewhere = dict(self.roles), {Place.UNKNOWN, Place.ELSEWHERE, Place.HIDDEN}
        found = []
        for position in positions:
            process, place = position.process, position.place
            if process.pid in roles:
                process = replace(process, role=roles[process.pid])
            if process.pid in self.assume_idle and place in somewhere:
                place = Place.OUTSIDE
            found.append(replace(position, process=process, place=place))
        return tuple(found)


NO_WORD = Consent()
"""Nothing is said."""
