"""What to look at where a check fails, in words of an exercise. Told only where hints are asked for. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from shmtui.grading.result import Verdict
from shmtui.i18n import N_, _

if TYPE_CHECKING:
    from shmtui.grading.result import Result

_HINTS: Final = {
    "never-initialised": N_(
        "call sem_init once for each semaphore, in the program that makes the segment, before anybody uses it"
    ),
    "process-private": N_(
        "the second argument of sem_init says whether other processes may use it: it has to be 1 "
        "(for a pthread mutex: PTHREAD_PROCESS_SHARED)"
    ),
    "private-memory": N_(
        "fork() copies what is not shared: put semaphores and data in memory of mmap with MAP_SHARED, or of shm_open"
    ),
    "private-mapping": N_(
        "MAP_PRIVATE gives mmap a copy of its own: memory that processes share is mapped with MAP_SHARED"
    ),
    "spurious-wakeup": N_(
        "pthread_cond_wait stands in a while that looks at the state again, not in an if"
    ),
    "mutex-overflow": N_("each sem_post(mutex) belongs to one sem_wait(mutex) before it"),
    "race": N_("change in and out only between sem_wait(mutex) and sem_post(mutex)"),
    "lost-update": N_(
        "what several change is loaded and stored under one lock, counts and sums too"
    ),
    "lost-wakeup": N_(
        "change the state and signal under the mutex; and wait in a loop that looks at the state again: while, not if"
    ),
    "item-overwritten": N_(
        "before it stores, a producer waits for a free slot, and stores and moves in under the mutex"
    ),
    "empty-slot-taken": N_(
        "post full only after the item is stored; a consumer waits for full before it takes"
    ),
    "item-taken-twice": N_("consumers load the slot and move out on under the same mutex"),
    "item-lost": N_(
        "consumers take until nothing is left: look at how they learn that no more items come"
    ),
    "address-stored": N_(
        "copy the bytes themselves into the slot, such as an array of char, and no pointer to them"
    ),
    "lost-permit": N_("look for a way through the loop that leaves out a sem_post"),
    "bad-index": N_("an index goes from 0 to N - 1: (in + 1) % N"),
    "deadlock": N_(
        "wait for empty or full first, and for the mutex last; and post all that you waited for"
    ),
    "hang": N_(
        "a process waits for a post that comes in other orders only: who has to wake it at the end?"
    ),
    "crash": N_("check whether shm_open and mmap worked before you use what they return"),
    "builds": N_("read the first message of the compiler: it names the file and the line"),
    "runs": N_("start both by hand, in two terminals, and see which call does not return"),
    "either-order": N_(
        "whoever comes first makes the segment and initialises it (O_CREAT, ftruncate, sem_init); "
        "the other waits until that is done"
    ),
    "ring-used": N_(
        "empty begins with the number of slots, and the producer waits for nothing else"
    ),
    "no-busy-wait": N_("sem_wait is there to replace a loop that asks until something changes"),
    "restart": N_(
        "a segment may be left from an earlier run: make it anew, or have the first program that opens it initialise it each time"
    ),
    "killed-peer": N_("a robust pthread mutex (PTHREAD_MUTEX_ROBUST) tells that its owner died"),
    "clean-up": N_("shm_unlink, sem_unlink and waitpid at the end, once"),
    "many": N_("with several of a kind, each needs the mutex around its index"),
}


_OF_SLEEPS: Final = {
    "pthread_barrier_wait": N_(
        "the count of pthread_barrier_init is how many have to call pthread_barrier_wait: see who does not come"
    ),
    "pthread_cond_wait": N_(
        "who waits for a condition needs a signal after each change of what it waits for: see who signals which condition, "
        "and whether one signal is enough for all who wait for it"
    ),
}
_OF_WAITS: Final = {
    "sem_wait": _HINTS["deadlock"],
    "semop": _HINTS["deadlock"],
    "pthread_mutex_lock": N_(
        "have all take their locks in the same order, and unlock each on every way out, return and continue too"
    ),
}
_CAUSES: Final = ("never-initialised", "process-private", "private-memory", "private-mapping")
"""What has to be mended first: others wait for ever, and no item gets through, because of it."""
_EFFECTS: Final = frozenset({"deadlock", "hang", "lost-wakeup"})


def hint(result: "Result", results: "Sequence[Result]") -> str:
    """The hint for one of the results; empty where there is none. What waits for ever by a mistake of another kind gets
    that one's hint, and what could not be told gets none while something fails.
    """
    failing = {each.kind for each in results if each.verdict is Verdict.FAIL}
    if result.verdict is Verdict.PASS or (failing and result.verdict is Verdict.UNKNOWN):
        return ""
    cause = next((kind for kind in _CAUSES if kind in failing), "")
    kind = cause if cause and result.kind in _EFFECTS else result.kind
    text = _HINTS.get(kind) or _HINTS.get(result.check, "")
    if kind == "deadlock":
        text = _of_waits(result.order) or text
    return _(text) if text else ""


def _of_waits(order: "Sequence[str]") -> str:
    """What to look at where all wait for ever: at a barrier or condition, which a task's last step has come to; else
    by what they use.
    """
    last: dict[str, str] = {}
    for line in order:
        words = line.replace("*", " ", 1).split()
        if len(words) > 2 and words[0].isdecimal():
            last[words[1]] = line
    for call, text in _OF_SLEEPS.items():
        if any(call in line for line in last.values()):
            return text
    return next((text for call, text in _OF_WAITS.items() if any(call in x for x in order)), "")
