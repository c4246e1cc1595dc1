"""``shmtui stat`` where the bytes do not tell one layout."""

import json
from pathlib import Path

from shmtui.shm.segment import segment_path
from tests.program import run_shmtui


def test_layouts_that_fit_are_listed(name: str) -> None:
    """Nothing is said of it: its size, who maps it, and each layout as the option that picks it."""
    words = [3, 4, 5, 6, 7, 2, 1, 0, 1, *[0] * 7, 4, *[0] * 7, 1, *[0] * 7]
    file = Path(segment_path(name))
    file.write_bytes(b"".join(word.to_bytes(4, "little") for word in words))
    try:
        _lists_them(name)
    finally:
        file.unlink()


def _lists_them(name: str) -> None:
    done = run_shmtui("stat", name)
    assert done.returncode == 0
    assert "fit so far" in done.stdout
    fitting = json.loads(run_shmtui("stat", name, "--json").stdout)["layout"]["candidates"]
    assert len(fitting) > 1
    assert all(f"candidate   {option}\n" in done.stdout for option in fitting)
    picked = run_shmtui("stat", name, *fitting[0].split())
    assert "layout: options" in picked.stdout
    refused = run_shmtui("stat", name, "--item", "int32")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
