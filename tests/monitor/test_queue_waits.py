"""Who is blocked in a message queue stands in its row: the kernel counts no such waiters."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import posix_ipc
import pytest

from shmtui.monitor.discovery import survey
from shmtui.monitor.queue_waits import waiting_in_queue
from shmtui.monitor.shared_object import ObjectKind, SharedObject
from shmtui.shm.system_v import SystemVKind, remove_system_v
from tests.compiling import Compiler
from tests.waiting import poll

PROGRAM = r"""
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>
int main(int count, char **words) {
    struct { long type; char text[8]; } message = {1, "x"};
    struct mq_attr attributes = {0, 2, 8, 0};
    if (!strcmp(words[1], "system-v")) {
        int queue = msgget(IPC_PRIVATE, 0600);
        printf("%d\n", queue);
        fflush(stdout);
        return msgrcv(queue, &message, 8, 0, 0) < 0;
    }
    mqd_t queue = mq_open(words[2], O_CREAT | O_RDWR, 0600, &attributes);
    puts("0");
    fflush(stdout);
    if (!strcmp(words[1], "idle")) return pause();
    if (!strcmp(words[1], "receive")) return mq_receive(queue, message.text, 8, 0) < 0;
    for (;;) mq_send(queue, "x", 1, 0);
}
"""


@pytest.fixture
def binary(gcc: Compiler, tmp_path: Path) -> Path:
    """The program that waits in a queue."""
    source = tmp_path / "waits.c"
    source.write_text(PROGRAM)
    return gcc.program(source, "-lrt")


@contextmanager
def running(binary: Path, *words: str) -> Iterator[tuple[int, int]]:
    """It at work: its PID, and the identifier of the System V queue that it made."""
    with subprocess.Popen([binary, *words], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


def row(target: str, waiting: int) -> SharedObject:
    """The row of that target, once it has that process as its only waiter."""
    kinds = (ObjectKind.QUEUE, ObjectKind.SYSV_QUEUE)

    def found() -> list[SharedObject]:
        rows = (each for each in survey().objects if each.kind in kinds)
        return [each for each in rows if each.target == target and each.waiting == (waiting,)]

    return poll(found, "its waiter is seen")[0]


@pytest.mark.parametrize("word", ["receive", "send"])
def test_who_waits_in_a_queue_is_seen(binary: Path, name: str, word: str) -> None:
    """One that receives from an empty queue, or sends to a full one; who only has it open does not."""
    try:
        with (
            running(binary, "idle", name) as (idle, _none),
            running(binary, word, name) as (pid, _no),
        ):
            found = row(f"mqueue:{name}", pid)
            assert {idle, pid} <= {each for each, _name in found.mappers}
            inode = found.inode or 0
            assert waiting_in_queue([idle], inode) == ()
            assert waiting_in_queue([pid], inode + 1) == ()
    finally:
        posix_ipc.unlink_message_queue(name)


def test_who_waits_in_a_system_v_queue_is_seen(binary: Path) -> None:
    """It has used none before, so that the kernel's list does not have it."""
    with running(binary, "system-v") as (pid, queue):
        try:
            found = row(f"msgqueue:{queue}", pid)
            assert [each for each, _name in found.mappers] == [pid]
        finally:
            remove_system_v(SystemVKind.QUEUE, queue)
