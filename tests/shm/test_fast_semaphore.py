"""Both ways to call the two quick semaphore functions do the same, and the private one is doubted."""

import ctypes
import gc
import mmap
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from shmtui.shm import fast_semaphore
from shmtui.shm import libc as c
from shmtui.shm.layout import SEM_SIZE

Calls = Callable[[int], tuple[fast_semaphore.Acquire, fast_semaphore.Release]]
WAYS: list[Calls] = [fast_semaphore.foreign_calls]
if fast_semaphore.compiled():
    WAYS.append(fast_semaphore.compiled_calls)


@pytest.fixture
def doubted() -> Iterator[None]:
    """What was seen of the interpreter is forgotten, before and after."""
    fast_semaphore.compiled.cache_clear()
    yield
    fast_semaphore.compiled.cache_clear()


def semaphore(value: int) -> tuple[Any, int]:
    """A semaphore in anonymous memory: what keeps it, and its address."""
    memory = (ctypes.c_char * SEM_SIZE).from_buffer(mmap.mmap(-1, 4096), 64)
    c.sem_init(ctypes.c_void_p(ctypes.addressof(memory)), value)
    return memory, ctypes.addressof(memory)


def value_of(memory: Any) -> int:
    """Its value, which either libc keeps in the first word."""
    return int.from_bytes(bytes(memory)[:4], "little")


@pytest.mark.parametrize("calls", WAYS)
def test_takes_what_is_there_and_gives(calls: Calls) -> None:
    """A permit is taken if there is one, and never waited for; one that is given is there."""
    memory, address = semaphore(2)
    acquire, release = calls(address)
    assert [acquire(False), acquire(False), acquire(False)] == [True, True, False]
    assert value_of(memory) == 0
    release()
    assert value_of(memory) == 1
    assert acquire(False)


@pytest.mark.parametrize("calls", WAYS)
def test_the_maximum_is_an_error(calls: Calls) -> None:
    """No permit is lost in silence, and none is given beyond the maximum."""
    memory, address = semaphore(c.SEM_VALUE_MAX)
    _acquire, release = calls(address)
    with pytest.raises(ValueError, match=r".+"):
        release()
    assert value_of(memory) == c.SEM_VALUE_MAX


@pytest.mark.parametrize("calls", WAYS)
def test_outlives_its_callers(calls: Calls) -> None:
    """Those who let go of it, as all of a process do that ends, leave it as it is for others."""
    memory, address = semaphore(1)
    acquire, release = calls(address)
    assert acquire(False)
    del acquire, release
    gc.collect()
    assert value_of(memory) == 0
    _acquire, release = calls(address)
    release()
    assert value_of(memory) == 1


class Refusing:
    """A class that makes nothing of an address."""

    @staticmethod
    def _rebuild(*_: object) -> object:
        raise TypeError("takes no address")


class Pretending:
    """A class that says yes and does nothing."""

    @staticmethod
    def _rebuild(*_: object) -> object:
        return SimpleNamespace(acquire=lambda _block: True, release=lambda: None)


@pytest.mark.parametrize("other", [None, Refusing, Pretending])
def test_an_interpreter_that_differs_is_not_used(
    doubted: None, monkeypatch: pytest.MonkeyPatch, other: type | None
) -> None:
    """Without the private class, or with one that does something else, the calls go by ctypes."""
    found = SimpleNamespace() if other is None else SimpleNamespace(SemLock=other)
    monkeypatch.setattr(fast_semaphore, "import_module", lambda _name: found)
    assert not fast_semaphore.compiled()
    memory, address = semaphore(1)
    acquire, _release = fast_semaphore.calls(address)
    assert acquire(False)
    assert value_of(memory) == 0


@pytest.mark.skipif(c.running_libc() is not c.Libc.GLIBC, reason="only glibc survives SemLock")
def test_this_cpython_has_the_private_class() -> None:
    """Fails where CPython has changed it: workers are then slower, and fast_semaphore.py has to say why."""
    assert fast_semaphore.compiled()
