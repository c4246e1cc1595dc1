"""The occupancy that is told is the true one, or none is told."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from shmtui.monitor.control_reader import permits_held
from shmtui.monitor.occupancy import occupancy
from shmtui.shm.control_format import RecordState
from shmtui.shm.control_records import WorkerRecord
from shmtui.shm.faults import Fault
from shmtui.shm.protocol import PROTOCOL_STEPS, Role, Step


def record(index: int, role: Role, step: Step) -> WorkerRecord:
    """A record of a live worker that stands at ``step``."""
    return WorkerRecord(
        index=index, pid=100 + index, start_time=1, role=role, number=index,
        state=RecordState.LIVE, exit_status=0, target_rate=1.0,
        hold=False, program=False, shown_rate=0.0, step=step, blocked=False, paused=False,
        stepping=False, holds_mutex=False, fault=Fault.NONE, faulted=False,
        items=0, sum=0, last_item=bytes(8), heartbeat_ns=0, blocked_since_ns=0,
    )  # fmt: skip


@dataclass
class Model:
    """The protocol, one indivisible act at a time: what any interleaving of workers can reach."""

    slots: int
    roles: list[Role]
    in_: int = 0
    out: int = 0
    items: int = 0
    mutex: int = 1
    empty: int = 0
    full: int = 0
    steps: list[Step] = field(default_factory=list)
    done: list[bool] = field(default_factory=list)
    """Whether a worker has done already what its step names; the step does not tell."""

    def __post_init__(self) -> None:
        self.empty = self.slots
        self.steps = [Step.PACE] * len(self.roles)
        self.done = [True] * len(self.roles)

    def act(self, who: int) -> None:
        """Let one worker do its next act, if it can: what its step names, or go to the next."""
        if self.done[who]:
            at = PROTOCOL_STEPS.index(self.steps[who]) + 1
            self.steps[who] = PROTOCOL_STEPS[at % len(PROTOCOL_STEPS)]
            self.done[who] = self.steps[who] is Step.PACE
        else:
            self.done[who] = self._do(self.steps[who], self.roles[who] is Role.PRODUCER)

    def _do(self, step: Step, producer: bool) -> bool:
        match step:
            case Step.WAIT_PERMIT if (self.empty if producer else self.full) > 0:
                self._permit(take=producer, amount=-1)
            case Step.WAIT_MUTEX if self.mutex:
                self.mutex = 0
            case Step.TRANSFER:
                self._move(producer)
            case Step.POST_MUTEX:
                self.mutex = 1
            case Step.POST_PERMIT:
                self._permit(take=not producer, amount=1)
            case _:
                return False
        return True

    def _permit(self, *, take: bool, amount: int) -> None:
        if take:
            self.empty += amount
        else:
            self.full += amount

    def _move(self, producer: bool) -> None:
        if producer:
            self.in_, self.items = (self.in_ + 1) % self.slots, self.items + 1
        else:
            self.out, self.items = (self.out + 1) % self.slots, self.items - 1

    def told(self, *, known: bool) -> int | None:
        """What is told of this state, with or without the workers' records."""
        held: tuple[tuple[int, int], tuple[int, int]] | tuple[None, None] = (None, None)
        if known:
            pairs = zip(self.roles, self.steps, strict=True)
            held = permits_held([record(i, r, s) for i, (r, s) in enumerate(pairs)])
        return occupancy(self.slots, self.in_, self.out, self.empty, self.full, *held)


crews = st.lists(st.sampled_from([Role.PRODUCER, Role.CONSUMER]), min_size=1, max_size=7)


@settings(max_examples=300)
@given(st.integers(1, 4), crews, st.lists(st.integers(0, 6), max_size=150))
def test_never_a_wrong_number(slots: int, roles: list[Role], schedule: list[int]) -> None:
    """In every state that workers can reach, what is told is the truth or unknown."""
    model = Model(slots, roles)
    for who in schedule:
        model.act(who % len(roles))
        assert 0 <= model.items <= slots
        for known in (True, False):
            assert model.told(known=known) in {None, model.items}, (model, known)


@settings(max_examples=100)
@given(st.integers(1, 4), crews, st.lists(st.integers(0, 6), max_size=100))
def test_always_a_number_at_rest(slots: int, roles: list[Role], schedule: list[int]) -> None:
    """While no worker is inside the protocol the occupancy is always known."""
    model = Model(slots, roles)
    for who in schedule:
        model.act(who % len(roles))
    resting = {Step.WAIT_PERMIT, Step.PACE}
    for _ in range(len(roles)):
        for who in range(len(roles)):
            for _act in PROTOCOL_STEPS * 2:
                if model.steps[who] not in resting or (
                    model.steps[who] is Step.WAIT_PERMIT and model.done[who]
                ):
                    model.act(who)
    assert all(step in resting for step in model.steps)
    assert model.told(known=False) == model.items


@given(
    st.integers(-2, 5), st.integers(-3, 7), st.integers(-3, 7),
    st.none() | st.integers(0, 9), st.none() | st.integers(0, 9),
)  # fmt: skip
def test_any_numbers_give_an_occupancy_or_none(
    slots: int, in_: int, out: int, empty: int | None, full: int | None
) -> None:
    """Whatever a broken segment holds, what is told fits into the ring."""
    told = occupancy(slots, in_, out, empty, full)
    assert told is None or 0 <= told <= slots
    if slots < 1 or min(in_, out) < 0 or abs(in_ - out) > slots:
        assert told is None
