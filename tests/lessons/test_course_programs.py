"""The course's two programs, where there is a compiler and where there is none."""

import os
from pathlib import Path

import pytest

from shmtui.lessons.course_programs import course_programs


def test_without_a_compiler_the_programs_are_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiler that fails is none."""
    for path, made in ((str(tmp_path), None), (os.environ["PATH"], "cc")):
        monkeypatch.setenv("PATH", path)
        if made is not None:
            (tmp_path / made).write_text("#!/bin/sh\nexit 1\n")
            (tmp_path / made).chmod(0o755)
            monkeypatch.setenv("PATH", f"{tmp_path}:{path}")
        produce, consume = course_programs("/shmtui-test-none", tmp_path)
        assert produce[1:] == (
            "-P",
            "-m",
            "shmtui.workers.sample_peer",
            "producer",
            "/shmtui-test-none",
        )
        assert consume[-2:] == ("consumer", "/shmtui-test-none")
