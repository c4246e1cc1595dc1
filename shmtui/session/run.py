"""A run: makes the buffer, starts the workers, has them shown, and cleans up after all of it.

Whatever ends a run (a key, a signal, a vanished terminal, a bug in a widget), the
same ``finally`` ends the workers and unlinks the segment. Only SIGKILL escapes it;
then the workers end by themselves and the next start sweeps the rest.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from shmtui.i18n import _
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.identity import own_identity
from shmtui.procfs.maps import mapped_by
from shmtui.procfs.process import command
from shmtui.recording.writer import require_free
from shmtui.sanitize import inert
from shmtui.session.cleanup import sweep
from shmtui.session.live_source import LiveSource
from shmtui.session.terminal import ignore_signals, note, note_signals, require_terminal
from shmtui.shm.faults import FaultOrder
from shmtui.shm.layout import Layout, SemaphoreKind, item_type, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnedBuffer
from shmtui.shm.protocol import Role
from shmtui.shm.ring import semaphore_names
from shmtui.shm.segment import require_free_name, require_free_space
from shmtui.workers.child import require_command
from shmtui.workers.supervisor import Supervisor


class RunOptions(msgspec.Struct, frozen=True):
    """What ``run`` was asked for."""

    name: str
    slots: int = 5
    item: str = "int32"
    producers: int = 1
    consumers: int = 1
    produce_rate: float = 1.0
    consume_rate: float = 0.5
    semaphores: SemaphoreKind = SemaphoreKind.EMBEDDED
    mode: int = 0o600
    headless: bool = False
    duration: float | None = None
    keep: bool = False
    producer_commands: tuple[tuple[str, ...], ...] = ()
    consumer_commands: tuple[tuple[str, ...], ...] = ()
    faults: tuple[FaultOrder, ...] = ()
    """Faults that the first workers are ordered to make."""
    json: bool = False
    refresh_hz: float = 10.0
    ascii_only: bool = False
    record: Path | None = None
    """The file that all samples are written to."""


Show = Callable[[RunOptions, LiveSource], int]
"""Shows a run until it ends; returns the exit code."""


def run(options: RunOptions, show: Show) -> int:
    """Make the buffer and have ``show`` run over it; returns the exit code of ``show``.

    Without a screen the workers are started before ``show``, held until it releases them;
    with one they are planned, and start with the dashboard.
    ShmtuiError: nothing was started.
    """
    named = options.semaphores is SemaphoreKind.NAMED
    layout = seed_layout(
        options.slots,
        item_type(options.item),
        running_libc(),
        semaphore_names(options.name) if named else (),
    )
    require_free_space(options.name, layout.size)
    for leftover in sweep():
        note(
            _("swept {name}, left behind by PID {pid}, which is gone").format(
                name=leftover.name, pid=leftover.creator_pid
            )
        )
    require_free_name(options.name)
    if options.record is not None:
        require_free(options.record, force=False)
    for program in (*options.producer_commands, *options.consumer_commands):
        require_command(program)
    if not options.headless:
        require_terminal(_("add --headless"))
    note_signals()
    return _run(options, layout, show)


def _run(options: RunOptions, layout: Layout, show: Show) -> int:
    with contextlib.ExitStack() as cleaning:
        # Registered last, run first: signals are ignored while the rest is undone.
        buffer = OwnedBuffer.create(options.name, layout, own_identity(), options.mode)
        cleaning.callback(_clean_up, options, buffer)
        rates = {Role.PRODUCER: options.produce_rate, Role.CONSUMER: options.consume_rate}
        supervisor = Supervisor(buffer, rates)
        cleaning.callback(supervisor.close)
        sampler = Sampler(options.name, read_only=False)
        cleaning.callback(sampler.close)
        cleaning.callback(ignore_signals)
        if options.headless:
            start_workers(supervisor, options)
        else:
            supervisor.start_later(lambda: start_workers(supervisor, options))
        return show(options, LiveSource(sampler, supervisor))


def start_workers(supervisor: Supervisor, options: RunOptions) -> None:
    """Start the user's own programs and the first workers. ShmtuiError: one cannot start."""
    for role, commands in (
        (Role.PRODUCER, options.producer_commands),
        (Role.CONSUMER, options.consumer_commands),
    ):
        for words in commands:
            supervisor.start_program(role, words)
    for role, count in ((Role.PRODUCER, options.producers), (Role.CONSUMER, options.consumers)):
        for number in range(1, count + 1):
            pid = supervisor.start(role, hold=options.headless)
            for whose, which, fault in options.faults:
                if whose in {None, role} and which in {None, number}:
                    supervisor.orders.set_fault(pid, fault)


def _clean_up(options: RunOptions, buffer: OwnedBuffer) -> None:
    """Unlink a run's buffer, or keep it if asked to, and say so where it matters."""
    if options.keep:
        buffer.control.keep()
        text = _("kept {name}: shmtui stat {name} shows it, shmtui rm {name} removes it")
        note(text.format(name=buffer.name))
        return
    users = mapped_by(buffer.identity)
    buffer.remove()
    if users:
        names = ", ".join(f"{pid} ({inert(command(pid) or '?')})" for pid in users)
        text = _("unlinked {name}, which is still mapped by PID {names}")
        note(text.format(name=buffer.name, names=names))
