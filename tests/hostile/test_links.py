"""Another process's /dev/shm is its own: a link there leads nowhere in ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.program import run_shmtui


@pytest.mark.rights
@pytest.mark.parametrize("link", ["dev", "dev/shm"])
def test_a_link_in_a_container_is_not_followed(tmp_path: Path, link: str) -> None:
    """Seen from here it would be read in our own files: /etc, for a /dev/shm that points there."""
    if os.geteuid():
        pytest.skip("only root can give a process a root of its own")
    at = tmp_path / link
    at.parent.mkdir(exist_ok=True)
    at.symlink_to("/etc" if link == "dev/shm" else "/dev")
    code = "import os, sys, time; os.chroot(sys.argv[1]); print(flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
    ) as inside:
        assert inside.stdout is not None
        inside.stdout.readline()
        try:
            for command in (["ls"], ["stat", "passwd"]):
                done = run_shmtui(*command, "--pid", str(inside.pid))
                assert (done.returncode, done.stdout) == (2, "")
                assert "is a symbolic link, and those are not followed" in done.stderr
        finally:
            inside.kill()
