"""Starts the program of a ring without a lock, in its variants."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from shmtui.shm.segment import segment_path
from tests.compiling import Compiler

SOURCE: Final = Path(__file__).with_name("lock_free.c")

Start = Callable[..., "subprocess.Popen[str]"]


def started(gcc: Compiler, name: str) -> Iterator[Start]:
    """Starts a process of the ring on the segment; all are gone afterwards.

    ``flags``: the variant, compiled with debug information unless they say other.
    """
    processes: list[subprocess.Popen[str]] = []

    def one(*what: str, flags: tuple[str, ...] = ("-g",)) -> "subprocess.Popen[str]":
        source = gcc.directory / f"ring{'_'.join(flags).replace('-', '_')}.c"
        binary = source.with_suffix("")
        if not binary.exists():
            source.write_text(SOURCE.read_text())
            binary = gcc.program(source, *flags)
            source.unlink()  # A source beside its program would tell the layout.
        process = subprocess.Popen([binary, name, *what], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield one
    for process in processes:
        process.kill()
        process.communicate()
    Path(segment_path(name)).unlink(missing_ok=True)
