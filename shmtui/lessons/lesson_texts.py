"""The lessons, in the order of a course."""

import math
from typing import Final

from msgspec.structs import replace

from shmtui.i18n import N_
from shmtui.lessons.lesson import Lesson, Press, Scene, Steps

LESSONS: Final = (
    Lesson(
        "hang",
        N_("The course's two programs hang, and are rescued"),
        N_(
            "Both programs are blocked: produtor on empty, consumidor on full. All three "
            "semaphores are 0. Nothing moves, and nothing ever will."
        ),
        N_(
            "Neither program calls sem_init. ftruncate fills the segment with zeros, and a "
            "semaphore of zeros has no permit. Its private word is 0 too: even a sem_post would "
            "wake nobody in another process."
        ),
        (
            Press(("5", "enter"), N_("the finding, and what shows it; {leave} closes")),
            Press(("r",), N_("the plan of a repair")),
            Press(
                ("y",), N_("carry it out: both wake, and items pass; {leave} closes"), answers=True
            ),
            Press(("l",), N_("what they print; {next_program}: the other; {leave} closes")),
        ),
        N_(
            "Initialisation. The program that makes a shared object sets it up once, before any "
            "other uses it: sem_init(&s, 1, value). The 1 shares it between processes; the value is 1 for "
            "mutex, N for empty, 0 for full."
        ),
        Scene(producers=0, consumers=0, programs=True),
        held=Steps(("produtor",)),
        findings=("never-initialised", "process-private"),
    ),
    Lesson(
        "full",
        N_("The buffer is full: the producer waits"),
        N_(
            "The producer is ten times as fast as the consumer. Soon all slots are full, empty "
            "is 0, and the producer is blocked on empty. There is no finding: this is health."
        ),
        N_(
            "wait(empty) takes a permit for a free slot. While there is none the producer sleeps "
            "and costs no CPU. It goes on when the consumer posts empty: at the consumer's pace."
        ),
        (
            Press(("c",), N_("one more consumer: twice the flow")),
            Press(("-", "-", "-", "-"), N_("slower producers: the buffer drains")),
            Press(("0",), N_("back to their starting rate: it is full again")),
        ),
        N_(
            "The bounded buffer. A full buffer slows the faster side down (back-pressure). "
            "in = out both when it is full and when it is empty: only the semaphores tell which."
        ),
        Scene(produce_rate=5.0, consume_rate=0.5),
    ),
    Lesson(
        "empty",
        N_("The buffer is empty: the consumers wait"),
        N_(
            "Two consumers share what one slow producer makes. full is 0, and both are blocked "
            "on full. There is no finding: this is health."
        ),
        N_(
            "wait(full) takes a permit for an item. Each item wakes one of those that wait, and they take turns."
        ),
        (
            Press(("p",), N_("one more producer: twice the flow")),
            Press(("m",), N_("producers without pacing: now the buffer is full")),
            Press(("0",), N_("back to their starting rate: it is empty again")),
        ),
        N_(
            "Blocking in place of busy waiting: a process that has nothing to do sleeps in the kernel until a sem_post wakes it."
        ),
        Scene(consumers=2, produce_rate=0.5, consume_rate=5.0),
    ),
    Lesson(
        "no-mutex",
        N_("Without mutex, items are lost"),
        N_(
            "Two producers write without mutex. The flow looks healthy, and yet items get lost: "
            "an audit counts them."
        ),
        N_(
            "Each producer reads in, writes its item there, and stores in + 1. If it is preempted "
            "between the two, the other uses the same slot: one item is overwritten."
        ),
        (
            Press(("v",), N_("after some seconds, the audit: how many were lost; {leave} closes")),
            Press(("x", "enter"), N_("the producers keep to the protocol again")),
        ),
        N_(
            "A race condition: the result depends on who is faster. The code between wait(mutex) "
            "and post(mutex) is the critical section; mutual exclusion lets one process at a time "
            "into it."
        ),
        Scene(
            slots=16,
            producers=2,
            produce_rate=50.0,
            consume_rate=math.inf,
            faults=("producer:no-mutex",),
        ),
        held=Steps(("sem_mutex", "sem_mutex"), initialised=True, fine=True),
        findings=("items-lost",),
    ),
    Lesson(
        "swapped-waits",
        N_("Waits in the wrong order: a deadlock"),
        N_(
            "The producer waits on empty and holds mutex. The consumer waits on mutex. Neither "
            "can ever go on."
        ),
        N_(
            "The producer waits for mutex first and for its permit second. When the buffer was full, it fell asleep with mutex in hand, and the consumer that could free a slot cannot get in."
        ),
        (
            Press(("5", "enter"), N_("the finding, and what shows it; {leave} closes")),
            Press(("4", "t"), N_("end the producers: mutex comes back, the consumer goes on")),
            Press(("p",), N_("a new producer, with the waits in the right order")),
        ),
        N_(
            "Deadlock: each holds what the other waits for, in a circle (hold and wait). The cure "
            "is an order: first the permit (empty or full), last mutex."
        ),
        Scene(produce_rate=5.0, consume_rate=0.5, faults=("producer:swapped-waits",)),
        held=Steps(("troca_esperas",), initialised=True, items=6),
        findings=("wrong-order",),
    ),
    Lesson(
        "killed",
        N_("Killed in the critical section"),
        N_(
            "producer 1 was killed by SIGKILL just before it wrote its item. mutex is 0, and "
            "everybody else waits, for ever."
        ),
        N_(
            "A semaphore has no owner: when a process dies, the kernel gives nothing back. The "
            "dead one had mutex in hand, and a permit of empty."
        ),
        (
            Press(("5", "enter"), N_("the finding, and what shows it; {leave} closes")),
            Press(("r",), N_("the plan: which words change, and what it rests on")),
            Press(("y",), N_("carry it out: the others go on; {leave} closes"), answers=True),
            Press(("v",), N_("the audit: nothing is lost; {leave} closes")),
        ),
        N_(
            "A critical section has to be short and safe. A robust pthread mutex knows its owner "
            "and tells the next one that it died (EOWNERDEAD); a semaphore cannot."
        ),
        Scene(producers=2, faults=("producer1:die-at=write",)),
        held=Steps(("morre",), initialised=True, items=3),
        findings=("dead-holder",),
    ),
    Lesson(
        "lost-permit",
        N_("A forgotten post: a permit is lost"),
        N_(
            "The producer once left out post(full). Its item lies in a slot, and no consumer was "
            "told: empty + full stays at 4, and the buffer has 5 slots."
        ),
        N_(
            "Each item is a permit that goes from empty to full and back. Where a post is "
            "forgotten, the permit is gone, and with it a slot: five such mistakes, and "
            "everybody waits for ever."
        ),
        (
            Press(("5", "enter"), N_("the finding, and what shows it; {leave} closes")),
            Press(("r",), N_("the plan: full is raised by 1")),
            Press(
                ("y",), N_("carry it out: the permits add up again; {leave} closes"), answers=True
            ),
        ),
        N_(
            "An invariant: empty + full + permits in hand = N, at every moment. What a program "
            "keeps true at each step can be checked from outside."
        ),
        Scene(produce_rate=2.0, consume_rate=1.0, faults=("producer:skip-post-permit",)),
        held=Steps(("esquece_post",), initialised=True, items=4),
        findings=("lost-permit",),
    ),
    Lesson(
        "starvation",
        N_("Starvation: one consumer gets nothing"),
        N_(
            "Items flow, and consumer 1 takes them. consumer 2 is blocked on full all the time, "
            "and its count stands still."
        ),
        N_(
            "consumer 2 waits 0.1 s at a time and tries again, as sem_timedwait in a loop does. "
            "Each time it goes to the end of the queue, behind consumer 1."
        ),
        (
            Press(("5", "enter"), N_("the finding, and what shows it; {leave} closes")),
            Press(
                ("4", "end", "x", "enter"), N_("consumer 2 waits as it should: it gets its share")
            ),
        ),
        N_(
            "Starvation: the system goes on, and one process never does. No deadlock. Bounded "
            "waiting is the third demand on a critical section, after mutual exclusion and "
            "progress; POSIX semaphores do not promise it."
        ),
        Scene(
            consumers=2,
            produce_rate=4.5,
            consume_rate=math.inf,
            faults=("consumer2:short-timeout",),
        ),
        findings=("starved",),
    ),
    Lesson(
        "many",
        N_("Many producers, many consumers"),
        N_(
            "Four producers and four consumers share a buffer of 16 slots. There is no finding, "
            "and all get their share."
        ),
        N_(
            "empty and full keep the two sides apart; mutex keeps apart those of one side, which move the same index. No program has to know how many others there are."
        ),
        (
            Press(("v",), N_("the audit: count and sum agree; {leave} closes")),
            Press(("c",), N_("one more consumer joins in the middle of it")),
            Press(("m",), N_("producers without pacing: the buffer fills")),
            Press(("4", "t"), N_("end all producers: the buffer drains")),
        ),
        N_(
            "The general solution with three semaphores (Dijkstra): two that count, one that "
            "excludes. One producer and one consumer alone could do without mutex."
        ),
        Scene(slots=16, producers=4, consumers=4, produce_rate=20.0, consume_rate=20.0),
    ),
    Lesson(
        "lost-update",
        N_("A lost update, at its very load and store"),
        N_(
            "Two producers without a mutex, one consumer; real processes, held. P2 has just stored over "
            "the item that P1 put: the list of steps shows who loaded in, and when."
        ),
        N_(
            "in = (in + 1) % N is not one step: it loads in, adds, and stores it. Before P1 has stored the "
            "new in, P2 loads the old one. Both put their item in the same slot, and one is lost."
        ),
        (
            Press(("<",), N_("to the start: all have started, nothing is wrong yet")),
            Press(("space", "space"), N_("two steps: P1 has its permit, and loads in")),
            Press(("x",), N_("to the mistake: P2 has loaded the same in")),
            Press(("left",), N_("a step back: the item of P1 is still there")),
        ),
        N_(
            "A race: the result depends on who comes first between a load and a store. A mutex around "
            "them makes the three steps one for all others: the critical section."
        ),
        Scene(steps=Steps(("sem_mutex", "sem_mutex"), initialised=True, fine=True)),
        findings=("item-overwritten",),
    ),
    Lesson(
        "sem-init-0",
        N_("sem_init(&s, 0, 1): why it hangs"),
        N_(
            "The producer has initialised the semaphores with 0 as second argument (PSHARED is 0 in this "
            "lesson). It is held at the first step in which another process uses one of them."
        ),
        N_(
            "0 says: for the threads of this process alone. Whoever sleeps on such a semaphore is woken by "
            "its own process only. Here the steps go on, since shmtui carries out the semaphores itself; "
            "without it the consumer sleeps for ever once the buffer is empty."
        ),
        (
            Press(("<",), N_("to the start: both have started")),
            Press(("space",), N_("a step on")),
            Press(("x",), N_("to the mistake, and who makes it")),
        ),
        N_(
            "pshared, the second argument of sem_init. For a semaphore in memory that processes share it is "
            "1; pthread mutexes and conditions need PTHREAD_PROCESS_SHARED for the same reason."
        ),
        Scene(steps=Steps(("iniciador",), define=("PSHARED=0",))),
        findings=("process-private",),
    ),
    Lesson(
        "who-first",
        N_("Who runs first"),
        N_(
            "The consumer was started before the producer. It has asked for a segment that nobody has made yet, and has ended. Started after the producer, it works: so the mistake stays hidden."
        ),
        N_(
            "shm_open without O_CREAT fails while there is no such name. And between the producer's "
            "shm_open and its sem_init the segment is there, but not ready: each of these is a step."
        ),
        (
            Press(("left",), N_("a step back: the consumer is about to open it")),
            Press(("space",), N_("on: it fails, and says so")),
            Press(("<",), N_("to the start: nobody has started")),
            Press(("x",), N_("to the mistake")),
        ),
        N_(
            "A race at the start. Let either side make the segment (O_CREAT), one of them initialise it, and "
            "the other wait until that is done: by a named semaphore, or a word that is stored last."
        ),
        Scene(steps=Steps(("iniciador",), any_start=True)),
        findings=("start-fails",),
    ),
)


_HELD_SEE: Final = N_(
    "Real C programs that make this mistake, held at the step that shows it. The list names each step, and the panel of programs shows its line in the source; ring and semaphores are as they are at that step."
)
_HELD_PRESS: Final = (
    Press(("<",), N_("to the start: all have started, nothing is wrong yet")),
    Press(("space", "space"), N_("two steps on; the panels show what each did")),
    Press(("x",), N_("to the mistake, and who makes it")),
    Press(("left",), N_("a step back: how it was just before")),
)


def held_form(lesson: Lesson) -> Lesson:
    """A lesson with its mistake held step by step, where its scene is another one."""
    return lesson if lesson.held is None else replace(lesson, see=_HELD_SEE, press=_HELD_PRESS)


def lesson_beside(lesson: Lesson, by: int) -> Lesson | None:
    """The one after a lesson, or before it (``by`` = -1); None where there is none.

    >>> found = lesson_beside(LESSONS[0], 1)
    >>> found is LESSONS[1], lesson_beside(LESSONS[0], -1)
    (True, None)
    """
    at = [each.name for each in LESSONS].index(lesson.name) + by
    return LESSONS[at] if 0 <= at < len(LESSONS) else None


BY_NAME: Final = {lesson.name: lesson for lesson in LESSONS}
