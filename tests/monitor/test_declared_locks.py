"""Locks by the names that their libraries give them: C++, Boost.Interprocess, Rust, Python."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from shmtui.monitor.discovery import Surveyor
from shmtui.monitor.known_programs import UNLIMITED, managed_by, semaphore_of
from shmtui.monitor.shared_object import Content
from shmtui.shm.segment import segment_path
from tests.compiling import Compiler, require
from tests.layouts.test_debug_info import rustc
from tests.program import run_shmtui, stat_json


@pytest.fixture
def running(name: str) -> Iterator[ExitStack]:
    """Programs that are gone afterwards, and so is what they made."""
    with ExitStack() as stack:
        yield stack
    for file in (name, f"{name}.managed"):
        Path(segment_path(file)).unlink(missing_ok=True)


def start(stack: ExitStack, *command: str) -> None:
    """Run a program until the test ends, once it says that it is ready."""
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(process.kill)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def locks(name: str) -> dict[str, Any]:
    """The locks of a segment by their members."""
    return {each["name"]: each for each in stat_json(name)["sync"]}


CPP: Final = r"""
#include <condition_variable>
#include <cstdio>
#include <fcntl.h>
#include <mutex>
#include <new>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
struct Shared { std::mutex guard; std::recursive_mutex again; std::condition_variable ready; pthread_mutex_t c; long n; };
int main(int, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    if (ftruncate(fd, sizeof(Shared))) return 1;
    auto *s = new (mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) Shared;
    s->guard.lock();
    std::puts("ready");
    std::fflush(stdout);
    pause();
}
"""


def test_std_mutex_is_of_one_process(running: ExitStack, name: str, tmp_path: Path) -> None:
    """It is named, and that the standard does not share it; a lock of C has no such name."""
    compiler, source = Compiler(tmp_path, "g++"), tmp_path / "std.cpp"
    source.write_text(CPP)
    start(running, str(compiler.program(source, "-g")), name)
    found = locks(name)
    assert found["guard"]["declared"] == "std::mutex"
    assert found["again"]["declared"] == "std::recursive_mutex"
    assert found["ready"]["declared"] == "std::condition_variable"
    assert found["c"]["declared"] is None
    assert (found["guard"]["kind"], found["guard"]["value"]) == ("pthread_mutex_t", 0)
    text = run_shmtui("stat", name).stdout
    private = "PROCESS-PRIVATE: the C++ standard shares it between the threads of one process only"
    assert "guard  std::mutex (pthread_mutex_t) · @0 · held" in text
    assert text.count(private) == 3


BOOST: Final = r"""
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <boost/interprocess/sync/interprocess_condition.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>
#include <cstdio>
#include <signal.h>
#include <string>
#include <sys/prctl.h>
#include <unistd.h>
using namespace boost::interprocess;
struct Shared { interprocess_mutex guard; interprocess_condition ready; interprocess_semaphore permits{3}; };
int main(int, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    shared_memory_object object(open_or_create, argv[1] + 1, read_write);
    object.truncate(sizeof(Shared));
    mapped_region region(object, read_write);
    new (region.get_address()) Shared;
    managed_shared_memory managed(open_or_create, (std::string(argv[1] + 1) + ".managed").c_str(), 20000);
    managed.find_or_construct<int>("answer")(42);
    std::puts("ready");
    std::fflush(stdout);
    pause();
}
"""


def test_boost_interprocess(running: ExitStack, name: str, tmp_path: Path) -> None:
    """Its locks are those of POSIX, shared; its managed segment is told by its header."""
    require("g++")
    if not Path("/usr/include/boost/interprocess").is_dir():
        pytest.skip("Boost's headers are not installed, and this reads what they make")
    compiler, source = Compiler(tmp_path, "g++"), tmp_path / "boost.cpp"
    source.write_text(BOOST)
    start(running, str(compiler.program(source, "-g", "-O0")), name)
    found = locks(name)
    for member, kind, declared in (
        ("guard", "pthread_mutex_t", "interprocess_mutex"),
        ("ready", "pthread_cond_t", "interprocess_condition"),
        ("permits", "sem_t", "interprocess_semaphore"),
    ):
        each = found[member]
        assert (each["kind"], each["declared"]) == (kind, f"boost::interprocess::{declared}")
        assert each["shared"]
    listed = {each.name: each.looks for each in Surveyor().look().objects}
    assert listed[f"{name}.managed"] == "Boost.Interprocess: managed_shared_memory, by its header"


RUST: Final = r"""
use std::ffi::{c_char, c_int, c_long, c_void, CString};
use std::sync::Mutex;
extern "C" {
    fn shm_open(name: *const c_char, flags: c_int, mode: u32) -> c_int;
    fn ftruncate(fd: c_int, size: c_long) -> c_int;
    fn mmap(at: *mut c_void, n: usize, p: c_int, f: c_int, fd: c_int, o: c_long) -> *mut c_void;
    fn pause() -> c_int;
    fn prctl(option: c_int, signal: usize) -> c_int;
}
#[repr(C)]
pub struct Shared { pub total: Mutex<u64>, pub hits: u64 }
fn main() {
    let name = CString::new(std::env::args().nth(1).unwrap()).unwrap();
    let size = std::mem::size_of::<Shared>();
    unsafe {
        prctl(1, 9);
        let fd = shm_open(name.as_ptr(), 0o102, 0o600);
        ftruncate(fd, size as c_long);
        let at = mmap(std::ptr::null_mut(), size, 3, 1, fd, 0) as *mut Shared;
        std::ptr::write(at, Shared { total: Mutex::new(7), hits: 0 });
        let _held = (*at).total.lock().unwrap();
        println!("ready");
        pause();
    }
}
"""


def test_rust_s_mutex_is_of_one_process(running: ExitStack, name: str, tmp_path: Path) -> None:
    """Its futex word says whether it is held; whose it is, nothing does."""
    (tmp_path / "prog.rs").write_text(RUST)
    command = [rustc(), "-g", "prog.rs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    start(running, str(tmp_path / "prog"), name)
    (each,) = locks(name).values()
    assert (each["kind"], each["value"], each["owner"]) == ("std::sync::Mutex", 0, None)
    assert each["shared"] is False
    assert (
        "Rust shares it between the threads of one process only" in run_shmtui("stat", name).stdout
    )


UNKNOWN_SEMAPHORE: Final = (
    "an unlinked semaphore: Python's multiprocessing makes such, and others do"
)
PYTHON: Final = """
import multiprocessing, sys
spawn, fork = multiprocessing.get_context("spawn"), multiprocessing.get_context("fork")
lock, queue, unlinked = spawn.Lock(), spawn.Queue(), fork.Lock()
queue.put(1)
queue.put(2)
print(lock._semlock.name, queue._sem._semlock.name, flush=True)
sys.stdin.read()
while not queue.empty():
    queue.get()
"""


def test_python_s_semaphores() -> None:
    """Those of fork lose their name at once, and so may any program's: whose they are is not known. Those of
    spawn keep it; the room of a queue without a limit tells how many items are in it.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", PYTHON], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        lock, room = process.stdout.readline().split()
        every = Surveyor().look().objects
        listed = {each.name: each.looks for each in every}
        who = "Python multiprocessing: a Lock, Semaphore or Queue"
        assert listed[lock] == f"{who}; named semaphore, value 1"
        items = "Python multiprocessing: the room of a Queue without a limit, 2 items in it"
        assert listed[room].startswith(items)
        own = [each for each in every if process.pid in {pid for pid, _name in each.mappers}]
        (unlinked,) = (each for each in own if each.unlinked and each.content is Content.SEMAPHORE)
        assert unlinked.looks == UNKNOWN_SEMAPHORE
    finally:
        process.communicate()


UNLINKED: Final = """
import ctypes, sys
libc = ctypes.CDLL(None)
libc.sem_open.restype = ctypes.c_void_p
if "open" in sys.argv:
    assert libc.sem_open(sys.argv[1].encode(), 0)
else:
    assert libc.sem_open(sys.argv[1].encode(), 0o300, 0o600, 1)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("of", "known"), [("/mp-", True), ("/jobs-", False)])
def test_an_unlinked_semaphore_by_its_name_alone(name: str, of: str, known: bool) -> None:
    """A Python program has both. Who opened it by its name still shows that; the one that made it does not."""
    its = of + name.rpartition("-")[2] + str(os.getpid())
    with ExitStack() as stack:
        for argument in ("create", "open"):
            process = subprocess.Popen(
                [sys.executable, "-c", UNLINKED, its, argument], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            stack.callback(process.communicate)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            if argument == "create":
                creator = process
        Path(f"/dev/shm/sem.{its[1:]}").unlink()
        creator.communicate()
        own = [o for o in Surveyor().look().objects if process.pid in {p for p, _name in o.mappers}]
        (found,) = (each for each in own if each.content is Content.SEMAPHORE)
        said = "Python multiprocessing: a Lock, Semaphore or Queue, unlinked"
        assert found.looks == (said if known else UNKNOWN_SEMAPHORE)


def test_the_room_of_a_queue_is_multiprocessing_s_alone() -> None:
    """Another program may use SEM_VALUE_MAX as well."""
    assert semaphore_of("sem.jobs", UNLIMITED) == ""


def test_what_only_begins_like_a_managed_segment() -> None:
    """The word 2 alone says nothing, nor does a size without it."""
    head = (2).to_bytes(8, "little") + bytes(88) + (65520).to_bytes(8, "little") + bytes(152)
    assert managed_by(head, 65536)
    assert not managed_by(head, 65544)
    assert not managed_by(bytes(8) + head[8:], 65536)
    assert not managed_by((2).to_bytes(8, "little") + bytes(248), 65536)
    assert not managed_by(b"", 0)
