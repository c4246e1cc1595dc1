"""What /proc has of the processes of a segment, for an incident report: threads, where each waits, maps."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from shmtui.monitor.process_states import semaphore_at, sync_name
from shmtui.monitor.sampler import Sampler
from shmtui.procfs import process as proc
from shmtui.procfs.futex import SystemCall, semaphore_mapped_at, system_calls, waits_in
from shmtui.procfs.maps import map_lines, parse_maps
from shmtui.procfs.semop_waits import is_semop, waited_member
from shmtui.recording.incident import NamedSemaphore, ProcessFacts, ThreadFacts
from shmtui.shm.layout import SEM_SIZE
from shmtui.shm.segment_reader import read_start
from shmtui.shm.semaphore import named_semaphore_path
from shmtui.snapshot import Snapshot

MOST_PROCESSES: Final = 64
MOST_THREADS: Final = 64
_MOST_MAPS: Final = 32
_LONGEST: Final = 1024
"""Characters of a command line or a line of maps."""


def process_facts(sampler: Sampler, snapshot: Snapshot) -> tuple[ProcessFacts, ...]:
    """Of the first processes that are alive. One that has ended meanwhile is left out."""
    pids = [p.pid for p in snapshot.processes if p.alive][:MOST_PROCESSES]
    return tuple(found for pid in pids if (found := _facts(sampler, pid)) is not None)


def _facts(sampler: Sampler, pid: int) -> ProcessFacts | None:
    try:
        tids = proc.threads_of(pid)
    except OSError:
        return None
    calls, lines = system_calls(pid), map_lines(pid) or []
    executable = ""
    with contextlib.suppress(OSError):
        executable = str(Path(f"/proc/{pid}/exe").readlink())
    return ProcessFacts(
        pid,
        (proc.command(pid) or "")[:_LONGEST],
        executable[:_LONGEST],
        tuple(_thread(sampler, pid, tid, (calls or {}).get(tid), lines) for tid in tids[:MOST_THREADS]),
        max(0, len(tids) - MOST_THREADS),
        calls is None,
        tuple(_shown_maps(sampler, lines)),
    )  # fmt: skip


def _thread(
    sampler: Sampler, pid: int, tid: int, call: SystemCall | None, lines: list[bytes]
) -> ThreadFacts:
    task, name, state, channel = f"/proc/{pid}/task/{tid}", "", "", ""
    with contextlib.suppress(OSError, ValueError):
        stat = proc.read_stat(pid, tid)
        name, state = ("", "") if stat is None else (stat.name, stat.state)
    with contextlib.suppress(OSError):
        channel = proc.read_file(f"{task}/wchan", 64).decode(errors="replace").strip()
    channel = "" if channel == "0" else channel
    if call is None:
        return ThreadFacts(tid, name, state, channel)
    where, private = _waits_on(sampler, pid, call, lines)
    numbers = (call.number, call.address, call.operation, *call.rest)
    timed = call.waits and bool(call.timeout)
    return ThreadFacts(tid, name, state, channel, numbers, where, private, timed)


def _waits_on(sampler: Sampler, pid: int, call: SystemCall, lines: list[bytes]) -> tuple[str, bool]:
    """What it sleeps on, in words, and whether no other process can wake it there."""
    for wait in waits_in({0: call}, parse_maps(lines, sampler.identity)):
        role = semaphore_at(sampler.layout, wait.offset)
        return role or sync_name(sampler.layout, wait.offset)[0], wait.private
    if call.waits:
        with contextlib.suppress(OSError):
            return semaphore_mapped_at(call.address, lines, sampler.folder), False
    if is_semop(call):
        return waited_member(pid, call) or "", False
    return "", False


def _shown_maps(sampler: Sampler, lines: Iterable[bytes]) -> Iterable[str]:
    """The lines that show the segment, or any file of its folder."""
    folder = os.fsencode(sampler.folder) + b"/"
    found = [
        line for line in lines if folder in line or parse_maps([line], sampler.identity)
    ]  # fmt: skip
    return (os.fsdecode(line)[:_LONGEST] for line in found[:_MOST_MAPS])


def named_semaphores(sampler: Sampler, snapshot: Snapshot) -> tuple[NamedSemaphore, ...]:
    """The bytes of the named semaphores that the layout has, or processes sleep on."""
    names = {each.name for each in snapshot.sync}
    names |= {name for p in snapshot.processes for name in p.sleeps_on}
    return tuple(
        NamedSemaphore(name, read_start(named_semaphore_path(name, sampler.folder), SEM_SIZE).hex())
        for name in sorted(names)
        if name.startswith("/")
    )
