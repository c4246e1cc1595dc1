"""An audit tells items lost from items that a killed worker was moving."""

import os
import signal

import pytest
from msgspec.structs import replace

from shmtui.diagnosis.audit import balance_text, items_lost
from shmtui.diagnosis.history import History
from shmtui.shm.item_counts import Audit, Totals
from shmtui.shm.protocol import Role, Step
from shmtui.snapshot import EMPTY
from tests.clock import sample_until
from tests.diagnosis.test_health import kill_at
from tests.repair.deaths import Crew
from tests.waiting import poll

ONE_GONE = Audit(Totals(9, 4, 36, 6), 5, 4, 22)


def history(audit: Audit) -> History:
    """A snapshot with that audit."""
    return History((replace(EMPTY, audit=audit),))


@pytest.mark.parametrize(
    ("dead", "text", "finding"),
    [
        ((), "NOT BALANCED: 1 item lost", True),
        (("consumer 1",), "the item that consumer 1 was moving when killed", False),
    ],
)
def test_an_item_that_a_killed_worker_was_moving(
    dead: tuple[str, ...], text: str, finding: bool
) -> None:
    """One item less is lost, unless a worker was killed while moving one; two less are lost."""
    audit = replace(ONE_GONE, died_mid_transfer=dead)
    assert text in balance_text(audit)
    assert bool(list(items_lost(history(audit)))) is finding
    more = replace(audit, resident=3)
    assert "2 items lost" in balance_text(more)
    assert list(items_lost(history(more)))


def test_killed_anywhere_in_the_transfer(name: str) -> None:
    """SIGKILL between the index and the count: the audit names the worker that was moving it."""
    with Crew(name, 64, 2, rate=float("inf")) as crew:
        for role in (Role.PRODUCER, Role.CONSUMER):
            for pid in crew.pids[role]:
                poll(lambda pid=pid: (p := crew.process(pid)) and p.items, "items flow")  # type: ignore[misc]
        kill_at(name, Step.TRANSFER)

        def one_gone() -> bool:
            crew.supervisor.reap(0.05)
            return len(crew.supervisor.pids) == 3

        poll(one_gone, "it is gone")
        (who,) = crew.supervisor.died_mid_transfer
        crew.source.auditor.begin()
        audit = sample_until(
            crew.clock, crew.source.sample, lambda s: s.audit is not None, "the audit"
        ).audit
        assert audit is not None
        assert abs(audit.missing or 0) <= 1
        assert audit.balanced or who in balance_text(audit)
        assert "items-lost" not in {f.code for f in crew.source.sample().health.findings}
        for pid in crew.supervisor.pids:
            os.kill(pid, signal.SIGCONT)
