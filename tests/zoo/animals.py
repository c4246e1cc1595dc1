"""The healthy programs: which source, which mode, and how a user says the layout."""

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.compiling import Compiler

HERE: Final = Path(__file__).parent

ROLES: Final = ("mutex", "empty", "full")

EXERCISE: Final = (
    "pair", "two_three", "unthrottled", "slow", "slow_consumer", "bursty", "threads_private",
    "threads_private_slow", "threads_private_helper", "threads_private_empty_helper", "threads16",
    "monitored", "helped", "post_late", "take_early", "post_late_two", "batch_permits", "batch_lock",
    "ahead", "reserved", "reserved_full", "aside", "aside_full", "aside_gone", "last_post",
    "last_post_exit", "ends", "timed", "polling", "long_critical", "long_critical_alone",
    "held_in_epoll", "held_in_semop", "held_computing", "held_in_wait", "held_in_read", "backed_up",
    "passed_on", "handed_over", "full_ring", "empty_ring", "empty_ring_of_three", "just_made",
    "forks_wait", "forks_poll", "forks_read", "forks_sleep", "one_shot_producers",
    "one_shot_consumers", "one_shot_both", "brief_maps", "late", "stopped", "stopped_inside",
    "stopped_of_two", "interrupted", "interrupted_full", "main_gone", "main_gone_slow",
    "main_gone_inside", "unlinked_early", "slow_handler", "private_handler", "no_lock", "no_lock_slow",
    "no_lock_empty", "no_lock_full", "own_lock", "own_lock_slow", "own_lock_full",
    "own_lock_brief", "own_lock_of_one", "two_inside", "two_inside_slow", "two_inside_full", "slow_start",
    "not_yet", "debugged",
)  # fmt: skip
UNUSUAL: Final = (
    "script_lock", "unmap_inside", "transaction", "oneshot_aside", "oneshot_pool",
    "batch_all_private", "zeroes", "turnstile", "token_ring", "barber_cron", "rate_gate",
    "readers_writer_unmapped", "work_inside", "timed_init", "timed_init_soon", "clone_vm", "raw_wait",
    "alarm_init", "handler_event", "restart_private", "own_credits", "takes_over", "waits_for_several",
    "cron_gate", "baton", "own_event",
)  # fmt: skip
HABITS: Final = (
    "backs_off", "timed_loops", "clock_loops", "event_full", "by_eventfd", "by_timerfd", "killed_outside",
    "supervised_mapped", "supervised_unmapped", "child_inside", "mapped_twice", "file_lock_inside",
    "pipe_inside", "two_turns", "picky", "idle_class", "governed", "in_handler", "undumpable",
    "undumpable_both", "undumpable_inside", "copy_beside", "rests_with_two", "lock_then_try",
    "lock_then_try_full", "lulls", "cancelled", "one_switches", "long_readers",
)  # fmt: skip
WAYS: Final = (
    "fifo_inside", "accept_inside", "record_inside", "message_inside", "vfork_inside", "join_inside",
    "sigwait_inside", "condition_inside", "other_semaphore_inside", "mprotect_inside", "viewer_locks",
    "moves_mapping", "borrowed", "in_flight", "stolen", "indices_reversed", "indices_reversed_idle",
    "permits_reversed", "permits_reversed_idle", "own_indices", "own_indices_idle", "both_initialise",
    "destroyed", "once_a_minute", "twice_a_minute_full", "yields", "gauges", "pools", "traced", "namespaced",
    "job_control", "flock_on_segment",
)  # fmt: skip
STRANGE: Final = (
    "becomes", "forks_inside", "forks_and_leaves", "by_socket", "restarts", "cleans_up", "zeroes", "credits",
    "credits_late", "lock_first", "long_guests", "fewer", "viewer_first", "relays", "epochs", "stack",
    "leader", "leader_idle", "leader_unmapped", "time_limit", "private_timed", "private_timed_slow",
    "private_polled", "private_mixed", "private_full",
)  # fmt: skip
STRANGE_MUSL: Final = ("becomes", "zeroes", "credits", "restarts")
STATISTICS: Final = ("stats_small", "stats_big")
"""Another segment of a program, which has the size of its ring."""
WILD: Final = ("backends", "backends_idle")
FILES: Final = ("flock_file", "slow_truncate", "rotating", "resizing")
NAMED: Final = (
    "pair", "third", "third_alone", "by_file", "one_by_file", "full_ring", "named_close",
    "named_script", "named_gate",
)  # fmt: skip
LOCKS: Final = (
    "cond", "cond_empty", "cond_full", "cond_held", "robust", "robust_at_rest", "rwlock", "barrier",
    "spin", "daemon_mutex", "handover_mutex", "exec_mutex", "raw_clone",
)  # fmt: skip
SHAPES: Final = (
    "COUNTERS", "COUNTERS_AFTER", "REDUCED_BEFORE", "HEAD_IN", "TAIL_IN", "REAR", "BOTH_BEFORE",
    "LAST_IN", "SMALLER", "TWO_RINGS", "COUNTED", "ONE_LOCK", "RECORDS", "DOWNWARDS",
    "ONE_SLOT_FREE", "BYTE_OFFSETS", "COUNTERS_WRAP", "COUNTERS_BYTE", "COUNTERS_LONG",
)  # fmt: skip
MUSL: Final = ("pair", "slow", "full_ring", "empty_ring", "just_made", "post_late", "batch_permits")


BRIEFLY: Final = frozenset(
    f"exercise-gcc-{mode}"
    for mode in (
        "two_three", "unthrottled", "slow", "threads_private", "monitored", "post_late",
        "batch_permits", "reserved", "aside_full", "ends", "polling", "long_critical",
        "held_in_epoll", "handed_over", "full_ring", "forks_wait", "one_shot_both",
        "stopped_inside", "interrupted_full", "main_gone_slow", "unlinked_early", "slow_handler",
        "no_lock_full", "two_inside_full", "debugged",
    )
) | {
    "exercise-musl-gcc-post_late", "named-gcc-third", "named-gcc-by_file", "locks-gcc-cond_held",
    "locks-gcc-robust_at_rest", "shapes-counters_after-pair", "shapes-one_slot_free-full",
    "shapes-byte_offsets-full", "shapes-counters_wrap-pair", "shapes-counters_byte-pair", "shapes-two_rings-pair", "unusual-gcc-script_lock",
    "unusual-gcc-unmap_inside", "unusual-gcc-transaction", "unusual-gcc-batch_all_private",
    "unusual-gcc-zeroes", "unusual-gcc-turnstile", "unusual-gcc-token_ring",
    "unusual-gcc-rate_gate", "unusual-gcc-readers_writer_unmapped", "unusual-gcc-work_inside",
    "unusual-gcc-timed_init", "unusual-gcc-clone_vm", "unusual-gcc-raw_wait",
    "unusual-gcc-alarm_init", "unusual-gcc-handler_event", "unusual-gcc-restart_private",
    "unusual-gcc-own_credits", "unusual-gcc-own_event", "unusual-gcc-takes_over", "unusual-gcc-waits_for_several",
    "unusual-gcc-cron_gate", "unusual-gcc-baton",
    "unusual-gcc-stats_small", "files-gcc-flock_file", "files-gcc-rotating", "files-gcc-resizing",
    "strange-gcc-becomes", "strange-gcc-private_timed", "strange-gcc-leader_unmapped", "strange-musl-gcc-zeroes",
    "habits-gcc-killed_outside", "habits-gcc-supervised_unmapped",
    "ways-gcc-mprotect_inside", "ways-gcc-viewer_locks", "ways-gcc-borrowed", "ways-gcc-in_flight", "ways-gcc-stolen",
    "ways-gcc-vfork_inside", "ways-gcc-own_indices", "ways-gcc-permits_reversed_idle", "ways-gcc-fifo_inside",
    "ways-gcc-traced", "ways-gcc-flock_on_segment", "habits-gcc-event_full", "habits-gcc-mapped_twice", "habits-gcc-backs_off",
    "named-gcc-named_close", "locks-gcc-daemon_mutex", "locks-gcc-raw_clone", "mixed-gcc-polling",
    "wild-gcc-backends_idle",
}  # fmt: skip
"""Those that every run of the tests watches: one of each kind of habit, but for a program that its own user may not
read: it rightly keeps repairs of other tests beside it from going on. All are watched by ``-m slow``.
"""


UNLOCKED_BY_ANOTHER: Final = ("daemon_mutex", "handover_mutex", "exec_mutex", "raw_clone")
"""Of these dead-owner may be called certain: it claims no more than that no thread has the number
which stands in the lock, and so it is. Who unlocks it has another number.
"""


@dataclass(frozen=True, slots=True)
class Animal:
    """One healthy program."""

    source: str
    mode: str
    shape: str = ""
    compiler: str = "gcc"
    debug: bool = True
    """Whether it is built with debug information."""
    other: str = ""
    """The compiler of the program `other` beside it."""
    layout: tuple[str, ...] = ()
    """The options by which a user says its layout; NAME stands for the segment's."""

    def __str__(self) -> str:
        return f"{self.source}-{self.shape or self.compiler}-{self.mode}".lower()

    @property
    def tools(self) -> tuple[str, ...]:
        """The programs that it takes: where one is missing, it is left out."""
        more = ("gdb" if self.mode == "debugged" else "", self.other)
        return (self.compiler, *filter(None, more))

    def may_be_told(self, code: str, severity: str, certainty: str) -> bool:
        """Whether a healthy program may get such a finding: none that is critical or certain."""
        if severity == "critical":
            return False
        exempt = code == "dead-owner" and self.mode in UNLOCKED_BY_ANOTHER
        return certainty != "certain" or exempt

    def options(self, name: str) -> tuple[str, ...]:
        """The layout's options for a segment of that name."""
        return tuple(word.replace("NAME", name) for word in self.layout)


def animals() -> Iterator[Animal]:
    """All of them."""
    for at, mode in enumerate(EXERCISE):
        # By turns as a user of a program with debug information says the layout, and of one without.
        slots = at % 2
        yield Animal("exercise", mode, debug=not slots, layout=("--slots", "5") if slots else ())
    for mode in MUSL:
        yield Animal("exercise", mode, compiler="musl-gcc", debug=False, layout=("--slots", "5"))
    names = ("--slots", "5", *(w for r in ROLES for w in (f"--{r}", f"NAME_{r}")))
    for mode in NAMED:
        yield Animal("named", mode, layout=names)
    for at, mode in enumerate(UNUSUAL):
        # No program is there to be read where its commands come and go.
        slots = at % 2 or mode in {"transaction", "oneshot_aside", "oneshot_pool"}
        yield Animal("unusual", mode, debug=not slots, layout=("--slots", "5") if slots else ())
    for at, mode in enumerate(HABITS):
        yield Animal("habits", mode, debug=at % 2 == 0, layout=("--slots", "5") if at % 2 else ())
    for at, mode in enumerate(WAYS):
        yield Animal("ways", mode, debug=at % 2 == 0, layout=("--slots", "5") if at % 2 else ())
    for at, mode in enumerate(STRANGE):
        yield Animal("strange", mode, debug=at % 2 == 0, layout=("--slots", "5") if at % 2 else ())
    for mode in STRANGE_MUSL:
        yield Animal("strange", mode, compiler="musl-gcc", debug=False, layout=("--slots", "5"))
    for mode in STATISTICS:
        yield Animal("unusual", mode)
    for mode in WILD:
        yield Animal("wild", mode)
    for mode in FILES:
        yield Animal("files", mode)
    yield Animal("mixed", "polling", debug=False, other="musl-gcc", layout=("--slots", "5"))
    for mode in LOCKS:
        yield Animal("locks", mode)
    for shape in SHAPES:
        path = ":Segment.rings[1]" if shape == "TWO_RINGS" else ":Ring"
        header: tuple[str, ...] = ("--header", f"{HERE / 'shapes.h'}{path}", "-D", f"SHAPE={shape}")
        if shape == "SMALLER":
            header += ("--slots", "6")
        yield Animal("shapes", "pair", shape, layout=header)
        yield Animal("shapes", "full", shape)


class Cage:
    """Compiles each program once into a folder, which several processes may share."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(exist_ok=True)

    def program(self, animal: Animal) -> Path:
        """Its program. The test is skipped where its compiler is missing."""
        key = (animal.source, animal.shape, animal.compiler, str(animal.debug))
        program = self._directory / "-".join(key) / animal.source
        with (self._directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not program.exists():
                self._build(animal, program)
        return program

    def _build(self, animal: Animal, program: Path) -> None:
        compiler = Compiler(program.parent, animal.compiler)
        program.parent.mkdir()
        flags = [f"-DSHAPE={animal.shape}"] if animal.shape else []
        source = HERE / f"{animal.source}.c"
        compiler.program(source, *flags, *(["-g"] if animal.debug else []))
        if animal.other:
            directory = program.with_name(animal.other)
            directory.mkdir()
            beside = Compiler(directory, animal.other).program(source)
            shutil.copy(beside, program.with_name("other"))


def started(program: Path, animal: Animal, name: str) -> subprocess.Popen[str]:
    """The running program, once its segment and its processes are there."""
    process = subprocess.Popen(
        [str(program), animal.mode, name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "ready\n", (str(animal), line)
    return process
