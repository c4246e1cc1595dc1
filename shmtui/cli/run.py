"""``shmtui run``: makes the buffer, starts the workers, shows them, and cleans up after all of it.

Whatever ends a run (a key, a signal, a vanished terminal, a bug in a widget), the
same ``finally`` ends the workers and unlinks the segment. Only SIGKILL escapes it;
then the workers follow by themselves and the next start sweeps the rest.
"""

import contextlib

from shmtui.i18n import _
from shmtui.monitor.sampler import Sampler
from shmtui.procfs.identity import own_identity
from shmtui.procfs.maps import command, uses
from shmtui.sanitize import inert
from shmtui.session.cleanup import sweep
from shmtui.session.opener import Attached, SegmentOpener, SteeredSource, repairer
from shmtui.session.run_options import RunOptions
from shmtui.session.terminal import (
    ignore_signals,
    note,
    note_signals,
    require_terminal,
    run_dashboard,
)
from shmtui.shm.layout import Layout, SemaphoreKind, item_type, seed_layout
from shmtui.shm.libc import running_libc
from shmtui.shm.owned_buffer import OwnBuffer, refuse_taken_name
from shmtui.shm.protocol import Role
from shmtui.shm.ring import semaphore_names
from shmtui.shm.segment import refuse_beyond_memory
from shmtui.workers.child import require_command
from shmtui.workers.supervisor import Supervisor


def run(options: RunOptions) -> int:
    """Carry out ``shmtui run``; returns the exit code. ShmtuiError: nothing was started."""
    named = options.semaphores is SemaphoreKind.NAMED
    layout = seed_layout(
        options.slots,
        item_type(options.item),
        running_libc(),
        semaphore_names(options.name) if named else (),
    )
    refuse_beyond_memory(options.name, layout.size)
    for leftover in sweep():
        note(
            _("swept {name}, left behind by PID {pid}, which is gone").format(
                name=leftover.name, pid=leftover.creator_pid
            )
        )
    refuse_taken_name(options.name)
    for program in (*options.producer_commands, *options.consumer_commands):
        require_command(program)
    if not options.headless:
        require_terminal(_("add --headless"))
    note_signals()
    return _run(options, layout)


def _run(options: RunOptions, layout: Layout) -> int:
    with contextlib.ExitStack() as cleaning:
        # What is registered last runs first, so signals are ignored while the rest is undone.
        buffer = OwnBuffer.create(options.name, layout, own_identity(), options.mode)
        cleaning.callback(_farewell, options, buffer)
        rates = {Role.PRODUCER: options.produce_rate, Role.CONSUMER: options.consume_rate}
        supervisor = Supervisor(buffer, rates)
        cleaning.callback(supervisor.close)
        sampler = Sampler(options.name, read_only=False)
        cleaning.callback(sampler.close)
        cleaning.callback(ignore_signals)
        source = SteeredSource(sampler, supervisor)
        if not options.headless:
            supervisor.plan(lambda: start_crew(supervisor, options))
            return _dashboard(options, supervisor, source)
        start_crew(supervisor, options)
        from shmtui.cli.headless import run_headless

        return run_headless(options, supervisor, sampler, source)


def start_crew(supervisor: Supervisor, options: RunOptions) -> None:
    """Start the user's own programs and the first workers. ShmtuiError: one cannot start."""
    for role, commands in (
        (Role.PRODUCER, options.producer_commands),
        (Role.CONSUMER, options.consumer_commands),
    ):
        for words in commands:
            supervisor.start_program(role, words)
    for role, count in (
        (Role.PRODUCER, options.producers),
        (Role.CONSUMER, options.consumers),
    ):
        for number in range(1, count + 1):
            pid = supervisor.start(role, hold=options.headless)
            for whose, which, fault in options.faults:
                if whose in {None, role} and which in {None, number}:
                    supervisor.set_fault(pid, fault)


def _farewell(options: RunOptions, buffer: OwnBuffer) -> None:
    last_line = clean_up(buffer, keep=options.keep)
    if last_line:
        note(last_line)


def _dashboard(options: RunOptions, supervisor: Supervisor, source: SteeredSource) -> int:
    from shmtui.tui.app import DashboardApp

    home = Attached(source, supervisor, lambda: repairer(options.name))
    with contextlib.closing(SegmentOpener(home=home)) as opener:
        app = DashboardApp(
            home,
            refresh_hz=options.refresh_hz,
            ascii_only=options.ascii_only,
            opener=opener,
            lesson=options.lesson,
        )
        return run_dashboard(app)


def clean_up(buffer: OwnBuffer, *, keep: bool) -> str:
    """Unlink a run's buffer, or leave it as asked; returns what is worth a last line."""
    if keep:
        buffer.control.keep()
        return _("kept {name}: look at it with shmtui stat, remove it with shmtui rm").format(
            name=buffer.name
        )
    users = uses(buffer.identity)
    buffer.remove()
    if not users:
        return ""
    names = ", ".join(f"{pid} ({inert(command(pid) or '?')})" for pid in users)
    return _("unlinked {name}, which is still mapped by PID {names}").format(
        name=buffer.name, names=names
    )
