"""Names and lines made by somebody who means harm, on a real screen: they are text, and no more."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.compiling import Compiler
from tests.peers import Peer
from tests.program import run_shmtui
from tests.terminal import Terminal
from tests.traces import PREFIX

ATTACKS: Final = {
    "sequences": b"[red]x[b][@click=app.quit()]y\x1b]0;OWNED\x07\x1b[2J\x1b[H\x1b[31mOWNED",
    "breaks": b"a\nOWNED\r\nb\x0bc\t",
    "beyond ASCII": "x\u202eDENWO\u202c\u200b\x85".encode() + b"\xff\xfe\xc3(OWNED\x9b31m",
}
MAPPER: Final = """
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    if (fd < 0 || ftruncate(fd, 128)) return 1;
    mmap(NULL, 128, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    prctl(PR_SET_NAME, argv[2]);
    puts("mapped");
    pause();
}
"""


def hostile_name(attack: bytes) -> bytes:
    """A segment's name: as long as names can be."""
    name = PREFIX.encode() + attack
    return name + b"x" * (255 - len(name))


def safe(raw: bytes) -> None:
    """AssertionError if anything but our own drawing reached the terminal."""
    raw = re.sub(rb"\x1b\]22;[a-z]*\x07", b"", raw)  # Textual gives the pointer its shape
    raw = re.sub(rb"\x1b\]2;(shmtui [^\x00-\x1f\x7f]*)\x07", rb"\1", raw)  # Our own title
    assert b"\x1b]" not in raw  # another title, a palette, a link
    assert b"\x1b[31mOWNED" not in raw
    assert b"\x07" not in raw
    assert b"\x9b31m" not in raw
    assert "\u202e".encode() not in raw
    assert b"\xff\xfe" not in raw


@pytest.fixture(params=ATTACKS, ids=str)
def hostile(request: pytest.FixtureRequest, gcc: Compiler) -> Iterator[bytes]:
    """A segment with a hostile name, mapped by a process that is called the same."""
    attack = ATTACKS[request.param]
    name = hostile_name(attack)
    path = Path(os.fsdecode(b"/dev/shm/" + name))
    with Peer(gcc.source("mapper", MAPPER), os.fsdecode(b"/" + name), os.fsdecode(attack)) as peer:
        try:
            assert peer.line() == "mapped"
            yield name
        finally:
            path.unlink(missing_ok=True)


def test_on_the_screen(hostile: bytes) -> None:
    """In the title, the list, the processes and a process in full; the frame stays whole."""
    with Terminal("attach", "/" + os.fsdecode(hostile), "--slots", "5") as terminal:
        terminal.wait_for(PREFIX.rstrip("-"))
        terminal.press("o")
        terminal.wait_for(lambda text: "type to filter" in text and "mapped by" in text)
        terminal.wait_for(lambda text: "esc closes" in text and whole(text), "the list")
        back(terminal)
        terminal.press("4", "end", "enter")
        terminal.wait_for(lambda text: "esc closes" in text and whole(text), "the process")
        back(terminal)
        terminal.press("q")
        assert terminal.wait() == 0
        # What Textual itself sends before its first frame and after its last is not ours to judge.
        safe(terminal.raw)


def back(terminal: Terminal) -> None:
    """Close the dialogue, and wait for it: escape with a key right behind it is another key.

    A dialogue that is drawn in part has no last row yet, and looks like a closed one.
    """
    terminal.wait_for(lambda text: "esc closes" in text, "the whole dialogue")
    terminal.press("escape")
    terminal.wait_for(lambda text: "esc closes" not in text and whole(text), "the dashboard")


def whole(text: str) -> bool:
    """Whether every row of the screen's frame ends where the screen does."""
    edges = [row for row in text.splitlines()[1:] if row[:1] in "╭│╰"]
    return len(edges) >= 20 and all(len(row) == 120 and row[-1] in "╮│╯┃" for row in edges)


def test_in_lines(hostile: bytes) -> None:
    """What goes to a pipe is as harmless: one line stays one line, JSON stays JSON."""
    name = "/" + os.fsdecode(hostile)
    for command in (["ls"], ["stat", name, "--slots", "5"], ["stat", name]):
        done = run_shmtui(*command)
        safe((done.stdout + done.stderr).encode("utf-8", "surrogateescape"))
        rows = (done.stdout + done.stderr).splitlines()
        assert [row for row in rows if PREFIX[:-1] in row]
        # Other tests have long names, too.
        assert not [row for row in rows if "xxxx" in row and "shmtui-test-" not in row]


def test_what_a_program_prints(name: str, tmp_path: Path) -> None:
    """Its lines in the log panel: the sequences are drawn, and none is obeyed."""
    script = tmp_path / "prints"
    attacks = b"".join(attack.replace(b"'", b"") + b"\n" for attack in ATTACKS.values())
    (tmp_path / "attacks").write_bytes(attacks + b"after\n")
    script.write_text(f"#!/bin/sh\ncat '{tmp_path}/attacks'\nexec sleep 60\n")
    script.chmod(0o755)
    with Terminal("run", name, "--producer", str(script), "--consumers", "0") as terminal:
        terminal.wait_for("l Logs")
        terminal.press("l")
        terminal.wait_for("after")
        assert "[@click=app.quit()]" in terminal.text
        back(terminal)
        terminal.press("q")
        assert terminal.wait() == 0
        safe(terminal.raw)
