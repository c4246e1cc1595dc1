"""``enter`` on a System V set in the list shows it as ``stat`` does."""

from tests.monitor.test_semaphore_set import Crew, crew
from tests.program import run_shmtui
from tests.terminal import Terminal

__all__ = ["crew"]


def test_enter_shows_a_set(crew: Crew) -> None:
    """Values, who waits by how much; it follows the set, and says when that is gone."""
    with Terminal("top", columns=120, rows=34) as terminal:
        terminal.wait_for("(Shmem)")
        terminal.press(*f"semset:{crew.number}")
        terminal.wait_for("1 of ")
        terminal.press("\r")
        text = terminal.wait_for("until zero")
        assert f"(PID {crew.first}): semaphore 0 -2 SEM_UNDO" in text
        run_shmtui("rm", "--force", f"semset:{crew.number}")
        terminal.wait_for(f"there is no semset:{crew.number}")
        terminal.press("q")
        terminal.wait_for(lambda text: "there is no" not in text)
        terminal.press("\x1b")
        terminal.wait_for("type to filter")
        terminal.press("\x1b")
        assert terminal.wait() == 0


def test_what_ls_prints_can_be_pasted_whole(crew: Crew) -> None:
    """With the name that stands after it, in quotes."""
    shown = run_shmtui("stat", f"semset:{crew.number} (0x0020cba5)").stdout
    assert f"semset:{crew.number}" in shown
    done = run_shmtui("rm", "--force", f"semset:{crew.number} (0x0020cba5)")
    assert done.returncode == 0, done.stderr
    assert "there is no" in run_shmtui("stat", f"semset:{crew.number} (0x0020cba5)").stderr
