"""The dialog of a repair: its plan, what the user may say to it, and the outcome."""

import re
from typing import Final

from shmtui.procfs.futex import sleeps_on_futex
from shmtui.shm.protocol import Role
from tests.compiling import Compiler
from tests.conftest import MakeBuffer
from tests.repair.stuck_ring import StuckRing
from tests.tui.dashboards import running, screen_text, shows
from tests.waiting import poll

CHOICE: Final = re.compile(r" p  set empty and full| o  PID (?P<pid>\d+) is a producer")


async def test_the_permits_are_set_if_the_user_says_so(
    make_buffer: MakeBuffer, gcc: Compiler
) -> None:
    """By a key or a click: that the holder is dead, which nobody saw; who works on which side, where that
    was not seen either; that the permits may be set. The plan shows what changes, and y carries it out.
    """
    buffer = make_buffer(5)
    with running(buffer) as run, StuckRing(gcc, buffer.name, unlink=False) as ring:
        ring.get_stuck()
        async with run.app.run_test(size=(120, 50)) as pilot:
            await pilot.press("r")
            assert "Carry it out" not in await shows(run.app, "l  post mutex")
            await pilot.press("l")
            offer = await shows(run.app, "Carry it out")
            assert "mutex: value 0 → 1" in offer
            while choice := CHOICE.search(offer):
                side = dict(ring.roles).get(int(choice["pid"] or 0))
                key = {None: "p", Role.PRODUCER: "o", Role.CONSUMER: "c"}[side]
                row = next(n for n, text in enumerate(offer.splitlines()) if f" {key}  " in text)
                await pilot.click(offset=(60, row))
                offer = await shows(run.app, "Carry it out", but=offer)
            assert "mutex: value 0 → 1" in offer
            assert "left as they are" not in offer
            await pilot.press("y")
            await shows(run.app, "items move again")
            assert "left as they are" not in screen_text(run.app)
        assert ring.rest().consistent


async def test_a_process_is_assumed_idle_if_the_user_says_so(
    make_buffer: MakeBuffer, gcc: Compiler
) -> None:
    """The refusal offers it, and the plan names it as the user's word; that nobody is yet to post mutex is
    another word.
    """
    buffer = make_buffer(5)
    with running(buffer) as run, StuckRing(gcc, buffer.name, unlink=False) as ring:
        idler = ring.start("idler")
        poll(lambda: ring.maps(idler.pid), "it maps the ring")
        ring.run("dier")
        producer = ring.start("producer")
        poll(lambda: sleeps_on_futex(producer.pid), "it waits for mutex")
        async with run.app.run_test(size=(120, 50)) as pilot:
            await pilot.press("r")
            await shows(run.app, f"i  PID {idler.pid} holds neither")
            await pilot.press("i")
            assert "Carry it out" not in await shows(run.app, "l  post mutex")
            await pilot.press("l")
            plan = await shows(run.app, "Carry it out")
            assert f"your word: PID {idler.pid} holds neither mutex nor a permit" in plan
            assert run.app.screen is not run.app.main
            await pilot.press("escape")
        assert ring.words().mutex == 0


async def test_mutex_is_posted_on_the_users_word(make_buffer: MakeBuffer, gcc: Compiler) -> None:
    """Where a program left with the lock alone, which another may be about to post."""
    buffer = make_buffer(5)
    with running(buffer) as run, StuckRing(gcc, buffer.name, unlink=False) as ring:
        ring.lose_the_lock()
        async with run.app.run_test(size=(120, 50)) as pilot:
            await pilot.press("r")
            offer = await shows(run.app, "l  post mutex")
            assert "Carry it out" not in offer
            await pilot.press("l")
            plan = await shows(run.app, "Carry it out")
            assert "your word: the holder of mutex is dead" in plan
            await pilot.press("y")
            await shows(run.app, "repaired dead-holder")
        assert ring.rest().mutex == 1
