"""Why stores cannot be counted: the reason, and the way out."""

import errno
from pathlib import Path

import pytest

from shmtui.procfs import store_counter
from shmtui.procfs.store_counter import why_refused


@pytest.mark.parametrize("level", [3, 4])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_kernel_that_lets_no_user_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, level: int, number: int
) -> None:
    """Debian's and Ubuntu's kernels know levels above 2: only root, or another setting, helps."""
    setting = tmp_path / "perf_event_paranoid"
    setting.write_text(f"{level}\n")
    monkeypatch.setattr(store_counter, "_PARANOID", setting)
    text = why_refused(OSError(number, "", "4711"))
    assert f"perf_event_paranoid is {level}" in text
    assert "run shmtui as root" in text
    assert "sysctl kernel.perf_event_paranoid=2" in text


def test_a_process_of_another_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the setting allows it, it is the process that may not be watched."""
    setting = tmp_path / "perf_event_paranoid"
    setting.write_text("2\n")
    monkeypatch.setattr(store_counter, "_PARANOID", setting)
    assert "PID 4711 may not be watched" in why_refused(OSError(errno.EACCES, "", "4711"))
