"""What an actor tells of a recording and of a check, so that findings that are false are known."""

import time
from pathlib import Path

from tests.program import run_shmtui
from tests.soak.evidence import Recorded, false_of, recorded, told_in_json
from tests.soak.journal import TOLD, Stage
from tests.zoo.animals import Animal


def tell_recording(
    stage: Stage, path: Path, name: str, animal: Animal | None = None
) -> Recorded | None:
    """Read a recording of that segment; what is wrong with it is a failure, and its findings that no
    healthy segment may have are told, with their times. None: it cannot be opened.
    """
    found: Recorded | None = None
    with stage.attempt(f"reading {path.name}"):
        found = recorded(path)
        for text in found.wrong:
            stage.wrong(f"recording of {name}: {text}")
        for told, times in found.told.items():
            for text in false_of([told], animal):
                for at in times:
                    stage.tell(TOLD, name, finding=f"{text}, in {path.name}", seen=at)
        stage.did("recordings opened")
        stage.did("frames in order", found.frames)
        for part in path.parent.glob(f"{path.name}*"):
            part.unlink()
    return found


def check_healthy(
    stage: Stage, name: str, options: tuple[str, ...] = (), animal: Animal | None = None
) -> None:
    """``shmtui check --json`` of a healthy segment tells nothing that is critical or certain."""
    with stage.attempt(f"check of {animal or name}"):
        done = run_shmtui("check", name, *options, "--for", "3", "--json")
        assert done.returncode in {0, 1, 2}, done
        assert "Traceback" not in done.stderr, done.stderr
        stage.did("check --json of healthy rings")
        if done.stdout:
            seen = time.monotonic()
            for finding in false_of(told_in_json(done.stdout), animal):
                stage.tell(TOLD, name, finding=f"{finding}, by check", seen=seen)
