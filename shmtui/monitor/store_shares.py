"""Who stores into the indices of a ring, and how many of its items each moved. Pure."""

from collections.abc import Sequence

from msgspec.structs import replace

from shmtui.monitor.counted_rates import RateWindow
from shmtui.monitor.stores import IN, OUT, Stores, shares
from shmtui.shm.protocol import Role
from shmtui.snapshot import Process


class StoreShares:
    """What was seen of each process since :meth:`forget`, and its share of the items since :meth:`restart`."""

    def __init__(self) -> None:
        self._indices: dict[int, set[str]] = {}
        self._sided: set[int] = set()
        """Who stores into one index alone, as far as was seen."""
        self._from: tuple[int, int, Stores] | None = None
        self._items: dict[int, int] = {}
        self._rates: dict[int, RateWindow] = {}

    def forget(self) -> None:
        """Who stores into which index is to be seen anew: they have changed places."""
        self._indices.clear()

    def restart(self) -> None:
        self._from = None
        self._items.clear()
        self._rates.clear()

    def note(self, stores: Stores) -> None:
        """Learn who stores into which index."""
        for (pid, name), hits in stores.items():
            if hits and name in {IN, OUT}:
                self._indices.setdefault(pid, set()).add(name)

    def roles(self) -> dict[int, Role]:
        """The side of each process that stores into one index alone; unknown for one that did so and no longer does."""
        sides = {IN: Role.PRODUCER, OUT: Role.CONSUMER}
        roles = {pid: sides[next(iter(own))] for pid, own in self._indices.items() if len(own) == 1}
        both = self._sided - roles.keys()
        self._sided = {*roles}
        return roles | dict.fromkeys(both, Role.UNKNOWN)

    def share(self, produced: int, consumed: int, stores: Stores, now_ns: int) -> None:
        """Share the items moved so far among the processes that stored into the indices."""
        if self._from is None:
            self._from = produced, consumed, stores
        produced_before, consumed_before, before = self._from
        moved = {IN: produced - produced_before, OUT: consumed - consumed_before}
        for name, total in moved.items():
            its = {pid: n - before[pid, each] for (pid, each), n in stores.items() if each == name}
            for pid, items in shares(its, total).items():
                window = self._rates.setdefault(pid, RateWindow(now_ns))
                if items != self._items.get(pid):
                    window.add(items, now_ns)
                self._items[pid] = items

    def applied(self, processes: Sequence[Process], now_ns: int) -> tuple[Process, ...]:
        """The processes, with what each stores into, and how many items it moved."""
        return tuple(
            replace(
                each,
                stores=tuple(sorted(self._indices.get(each.pid, ()))),
                items=self._items.get(each.pid) if each.items is None else each.items,
                rate=self._rates[each.pid].rate(now_ns)
                if each.rate is None and each.pid in self._rates
                else each.rate,
            )
            for each in processes
        )
