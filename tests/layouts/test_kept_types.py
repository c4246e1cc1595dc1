"""What is kept of programs that come and go: no more than a bound, and nothing of those that are gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shmtui.layouts import program_types
from shmtui.layouts.program_files import ProgramFile, ProgramFiles
from shmtui.layouts.program_types import types_for
from tests.layouts.test_debug_info import build


def test_programs_that_were_asked_for_last_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many come; who is asked for again and again is not read anew."""
    read: list[str] = []
    reading = program_types._read

    def noted(program: ProgramFile, *rest: object) -> object:
        read.append(program.shown)
        return reading(program, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(program_types, "KEPT", 4)
    monkeypatch.setattr(program_types, "_types", {})
    monkeypatch.setattr(program_types, "_read", noted)
    path = str(build(tmp_path))
    first, *others = (
        ProgramFile(path, f"program {number}", os.getpid(), (0, number, 0)) for number in range(9)
    )
    for other in others:
        found = types_for(136, (first, other))
        assert [each.path for each in found] == ["program 0", other.shown]
        assert len(program_types._types) <= 4
    assert read == ["program 0", *(other.shown for other in others)]


def test_structs_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program has one struct or a thousand."""
    monkeypatch.setattr(program_types, "KEPT_STRUCTS", 5)
    monkeypatch.setattr(program_types, "_types", {})
    path = str(build(tmp_path))
    for number in range(9):
        (found,) = types_for(136, [ProgramFile(path, "", os.getpid(), (0, number, 0))])
        assert len(found.structs) == 2
        assert len(program_types._types) <= 2


def test_nothing_is_kept_of_a_program_that_is_gone() -> None:
    """A machine starts millions of them."""
    files = ProgramFiles()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        own = {os.getpid(): 1, child.pid: 1}
        files.keep(own)
        sizes = [files.debug_size(pid) for pid in own]
        files.keep(own)
        assert {*files._versions} == {*own}
        assert [files.debug_size(pid) for pid in own] == sizes
        child.communicate(b"\n")
    files.keep({os.getpid(): 2})
    assert not files._versions
    assert not files._debug_sizes
