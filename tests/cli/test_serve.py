"""``shmtui serve`` as it is typed: what it shows, how it ends, what it refuses."""

import signal
import socket
import sys
import tomllib
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from shmtui.cli.serve import LIBRARY
from shmtui.shm.segment import create_segment, unlink_segment
from tests.conftest import MakeBuffer
from tests.program import run_shmtui
from tests.serving import Serving, looking
from tests.test_imports import HEAVY, loaded

RECORDED = Path(__file__).parent.parent / "recording" / "schema1.rec"


async def test_all_see_one_screen(make_buffer: MakeBuffer) -> None:
    """What one who presents does, the others see; who comes late sees it whole."""
    with Serving(make_buffer().name, "--size", "80x24") as serving:
        async with looking(serving.looking) as other, looking(serving.presenting) as one:
            assert "0 of 5 full" in await other.shows("Processes")
            assert {len(row) for row in other.rows} == {80}
            assert len(other.rows) == 24
            await other.connection.send("?")  # It is not taken.
            await one.connection.send("w")
            await other.shows("Who waits")
            async with looking(serving.looking) as late:
                await late.shows("Who waits")
                assert late.told == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_ends_when_told_to(make_buffer: MakeBuffer, number: signal.Signals) -> None:
    """With 0, at once, also while somebody looks."""
    with Serving(make_buffer().name) as serving:
        async with looking(serving.looking) as viewer:
            await viewer.shows("Processes")
            serving.process.send_signal(number)
            with pytest.raises(ConnectionClosed):
                await viewer.shows("no such text")
        assert serving.process.wait(30) == 0
        assert len(serving.stderr.splitlines()) == 2


async def test_a_segment_that_goes_is_said_to_be_gone(name: str) -> None:
    """As the dashboard says it; the server stays."""
    create_segment(name, 4096)
    with Serving(name, "--raw") as serving:
        async with looking(serving.looking) as viewer:
            await viewer.shows("Bytes")
            unlink_segment(name)
            await viewer.shows("unlinked")
        assert serving.process.poll() is None


async def test_a_recording_is_played(tmp_path: Path) -> None:
    """A file is one, by any path; in its own folder too."""
    (tmp_path / "night.rec").write_bytes(RECORDED.read_bytes())
    with Serving(str(tmp_path / "night.rec")) as serving:
        async with looking(serving.presenting) as viewer:
            await viewer.shows("Play")
            await viewer.connection.send("ArrowRight")
            await viewer.take()


async def test_without_a_target_the_list_is_shown() -> None:
    """Of all that processes share, without what ends or removes any of it."""
    with Serving() as serving:
        async with looking(serving.looking) as viewer:
            text = await viewer.shows("enter opens")
            assert "removes" not in text
            assert "ends a holder" not in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("shmtui-test-none",), "shmtui-test-none"),
        (("./no-such.rec",), "no-such.rec"),
        (("/etc/passwd",), "/etc/passwd"),
        (("sysv:x",), "sysv:x"),
        (("/x", "--listen", "nowhere"), "not an address"),
        (("/x", "--size", "10x10"), "not a screen size"),
        (("/x", "--size", "big"), "not a screen size"),
        (("/x", "--font-size", "1"), "6<=x<=200"),
        (("/x", "--slots", "0"), ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_refused_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    """The line names what is wrong; the code is 2."""
    done = run_shmtui("serve", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("shmtui: ")
    assert says in line


def test_a_busy_port_is_refused(make_buffer: MakeBuffer) -> None:
    """In one line, with the way out."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        done = run_shmtui("serve", make_buffer().name, "--listen", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"cannot listen on 127.0.0.1:{port}" in line
    assert "--listen" in line


@pytest.mark.parametrize(
    ("lacking", "file", "command"),
    [
        (["websockets"], "", f"{sys.executable} -m pip install '{LIBRARY}'"),
        (["websockets", "pip"], "pipx_metadata.json", f"pipx inject shmtui '{LIBRARY}'"),
        (["websockets", "pip"], "", f"uv pip install --python {sys.executable} '{LIBRARY}'"),
    ],
)
def test_what_it_lacks_is_said_with_the_command(
    lacking: list[str], file: str, command: str, tmp_path: Path
) -> None:
    """That of the extra ``web``, by what made the environment: pip, pipx or uv."""
    (tmp_path / (file or "pyvenv.cfg")).touch()
    code = f"import sys; sys.prefix = {str(tmp_path)!r}\n"
    if "pip" not in lacking:
        code += "import types, importlib.machinery as m; sys.modules['pip'] = p = types.ModuleType('pip')"
        code += "; p.__spec__ = m.ModuleSpec('pip', None)\n"
    code += f"sys.modules.update(dict.fromkeys({lacking!r}))"
    done = run_shmtui("serve", "/x", code=code)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith(f": {command}")
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["web"] == [LIBRARY]


def test_nothing_is_loaded_before_it_is_needed() -> None:
    """The help, and what is refused, load nothing that draws and no server."""
    assert not loaded("serve", "--help") & (HEAVY | {"websockets", "asyncio"})
    assert not loaded("serve", "shmtui-test-none", "--slots", "5") & (HEAVY | {"websockets"})
