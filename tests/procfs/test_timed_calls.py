"""How long a sleep was begun for, as its process has it in memory."""

import subprocess
from collections.abc import Iterator

import pytest

from shmtui.procfs.futex import system_calls
from shmtui.procfs.timed_calls import sleep_length
from tests.waiting import poll


@pytest.fixture
def sleeper(request: pytest.FixtureRequest) -> Iterator[int]:
    """The PID of a process that does that."""
    with subprocess.Popen(list(request.param), stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def length_of(pid: int) -> float | None:
    return sleep_length(pid, system_calls(pid) or {})


@pytest.mark.parametrize("sleeper", [("sleep", "1000.5")], indirect=True)
def test_the_length_of_a_sleep(sleeper: int) -> None:
    """It is the one that was asked for, with its fraction; coreutils 9.5 asks for a nanosecond more."""
    assert poll(lambda: length_of(sleeper), "it sleeps") == pytest.approx(1000.5)


@pytest.mark.parametrize("sleeper", [("cat",)], indirect=True)
def test_who_waits_for_input_sleeps_for_no_time(sleeper: int) -> None:
    """No number is made up."""
    poll(
        lambda: any(
            call is not None and call.number in {0, 63}
            for call in (system_calls(sleeper) or {}).values()
        ),
        "it reads",
    )
    assert length_of(sleeper) is None


@pytest.mark.parametrize("sleeper", [("sleep", "1000.5")], indirect=True)
@pytest.mark.parametrize(("threads", "length"), [(8, 1000.5), (9, None)])
def test_of_many_threads_no_length_is_read(
    sleeper: int, threads: int, length: float | None
) -> None:
    """Each would take a read at each look."""
    assert poll(lambda: length_of(sleeper), "it sleeps")
    ((_tid, call),) = (system_calls(sleeper) or {}).items()
    found = sleep_length(sleeper, dict.fromkeys(range(threads), call))
    assert found == (None if length is None else pytest.approx(length))
