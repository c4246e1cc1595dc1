"""``shmtui export``: what it refuses, and the files that it prints."""

import json
import socket
from pathlib import Path

import pytest

from shmtui.cli.export import PRINTED
from tests.program import run_shmtui
from tests.test_imports import HEAVY, loaded


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--all"),
        (("/x", "--all", "--listen", "0"), "--all"),
        (("/x",), "--textfile"),
        (("a/b", "--listen", "0"), "slash"),
        (("--all", "--listen", "0", "--slots", "5"), "takes no layout"),
        (("--all", "--listen", "nowhere"), "'nowhere' is not an address"),
        (("--all", "--listen", "65536"), "not an address"),
        (("--all", "--listen", ":9755"), "not an address"),
        (("--all", "--listen", "::1:9755"), "not an address"),
        (("--all", "--listen", "192.0.2.1:9755"), "cannot listen on 192.0.2.1:9755"),
        (("--all", "--listen", "no-such-host.invalid:9755"), "cannot listen on no-such-host"),
        (("--all", "--textfile", "/no/such/folder/x.prom"), "cannot write"),
        (("--all", "--textfile", "/dev/null"), "not a file"),
        (("--all", "--textfile", "/tmp"), "not a file"),
        (("--all", "--listen", "0", "--interval", "0"), "time"),
        (("--print", "poem"), "poem"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, tuple) else "",
)
def test_refused_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    """The line names what is wrong; the code is 2."""
    done = run_shmtui("export", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("shmtui: ")
    assert says in line


def test_a_busy_port_is_refused() -> None:
    """In one line; whoever listens there goes on."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        done = run_shmtui("export", "--all", "--listen", str(port))
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert f"127.0.0.1:{port}" in line
        socket.create_connection(("127.0.0.1", port)).close()


def test_a_refused_file_is_left_as_it_was(tmp_path: Path) -> None:
    """Where the address cannot be used, nothing is written."""
    file = tmp_path / "kept.prom"
    file.write_text("kept\n")
    done = run_shmtui(
        "export", "--all", "--listen", "192.0.2.1:9755", "--textfile", str(file)
    )  # fmt: skip
    assert done.returncode == 2
    assert file.read_text() == "kept\n"


@pytest.mark.parametrize("what", PRINTED)
def test_prints_what_is_shipped(what: str) -> None:
    """Whole, and nothing beside it."""
    done = run_shmtui("export", "--print", what)
    assert (done.returncode, done.stderr) == (0, "")
    assert "shmtui" in done.stdout
    if what == "dashboard":
        assert json.loads(done.stdout)["panels"]


def test_starts_light() -> None:
    """It loads nothing that draws, and no web server."""
    modules = loaded("export", "--all", "--textfile", "/dev/null")
    assert not modules & (HEAVY | {"http", "ssl", "email", "asyncio"})
