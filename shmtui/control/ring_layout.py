"""Where the ring lies in what the programs map, and what an initialised segment holds."""

import contextlib
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from shmtui.control.global_ring import ring_of_variables
from shmtui.control.global_variables import OWN
from shmtui.control.items import Ring
from shmtui.control.operation import ACCESSES, Kind
from shmtui.control.permits import permit_places
from shmtui.control.ring_by_use import options_by_use
from shmtui.control.run import Run
from shmtui.control.sides import sides_of
from shmtui.errors import ShmtuiError
from shmtui.i18n import _
from shmtui.layouts.describe import layout_words
from shmtui.layouts.options import LayoutOptions, ResolvedLayout
from shmtui.layouts.program_files import ProgramFiles
from shmtui.layouts.program_types import QuickTypes, TypeSource, types_for
from shmtui.layouts.resolve import resolve
from shmtui.procfs.target import open_target
from shmtui.shm.layout import ITEM_TYPES, SEED_NAME, SEED_SLOTS, Layout, seed_layout
from shmtui.shm.layout_spec import layout_option
from shmtui.shm.libc import Libc
from shmtui.shm.protocol import Role, SemaphoreRole
from shmtui.shm.segment import SHM_DIR
from shmtui.shm.semaphore import SemaphoreWords, encode
from shmtui.shm.sync_object import SYNC_SIZES
from shmtui.shm.system_v import set_member

if TYPE_CHECKING:
    from shmtui.control.execution import Execution
    from shmtui.control.exploration import Workshop
    from shmtui.control.program import HeldProgram

_SIDES: Final = (Role.PRODUCER, Role.CONSUMER)
_ITEMS: Final = 6
"""Of each producer, that show what its members are for."""
_SHARES: Final = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
"""Of the usual execution, after which its programs are looked at."""
_PAGE: Final = 4096
_LEAST: Final = 12
"""Bytes of a ring: two slots of a byte, and two indices."""
_READ_SECONDS: Final = 3.0
"""For the debug information of the programs."""


class FoundRing(msgspec.Struct, frozen=True):
    """A ring, and where it is known from."""

    ring: Ring
    layout: Layout
    resolved: ResolvedLayout
    size: int
    """Bytes of the segment."""
    words: str
    """The layout and its source, as they are shown."""


class RingFinder:
    """Looks for the ring at the end of one execution, while the programs are there."""

    def __init__(self, options: LayoutOptions, name: str | None, *, by_use: bool = False) -> None:
        """``by_use``: the options are what the programs' use of the members has shown, not what a user says."""
        self._options, self._name, self._by_use = options, name, by_use
        self.found: FoundRing | None = None
        """In shared memory."""
        self.among_variables: tuple[Ring, str] | None = None
        """Where there is none: that of threads in the variables of their program, and where it is, in words."""
        self._refused: ShmtuiError | None = None
        self._has_segments = False
        """Whether the programs map any that may hold a ring."""
        self._types: dict[str, list[TypeSource]] = {}
        """Of each segment whose ring was not found, the structs that it may be."""

    def look_until_found(self, execution: "Execution", usual: Run) -> None:
        """Look late in the usual execution, where the programs have used what they share. Where that finds nothing, look
        at loads and stores: programs that make no calls have ended else; and early, where no index is spoilt yet.

        ShmtuiError: as of `look`.
        """
        found = self._looked(execution, usual, 1.0)
        if found is None and self._has_segments:
            before, execution.fine = execution.fine, True
            try:
                run = execution.run()
                for share in _SHARES:
                    found = self._looked(execution, run, share) or found
                    if found is not None and found.ring.indices:
                        break  # Else the values there do not tell which is which.
            finally:
                execution.fine = before
        self.found = found
        if found is None and self._refused is not None:
            raise self._refused

    def _looked(self, execution: "Execution", run: Run, share: float) -> FoundRing | None:
        self.found = self._refused = None
        try:
            execution.run_until(run, (), self.look, share)
        except ShmtuiError as error:
            self._refused = error
        return self.found

    def look_by_use(self, execution: "Execution", usual: Run) -> None:
        """Find it by what the programs do at their loads and stores; ``usual``: an execution of them."""
        has_threads = len(usual.programs) > len(execution.programs)
        if self.found is not None or self._options.given or not (self._types or has_threads):
            return
        before = execution.fine, execution.items
        execution.fine, execution.items = True, max(execution.items, _ITEMS)
        try:
            run = execution.run()
        finally:
            execution.fine, execution.items = before
        for segment, types in self._types.items():
            options = options_by_use(run, segment, types)
            if options is not None and self.found is None:
                told = RingFinder(options, f"/{segment}", by_use=True)
                with contextlib.suppress(ShmtuiError):
                    execution.run_until(usual, (), told.look)
                self.found = told.found
        for program, _role in execution.programs:
            if self.found is None and self.among_variables is None:
                self._look_at_variables(run, program)

    def _look_at_variables(self, run: Run, program: "HeldProgram") -> None:
        with contextlib.suppress(ShmtuiError):  # It has no debug information.
            ring = ring_of_variables(run, program)
            if ring is not None and program.globals is not None:
                text = _("{slots} × {size}-byte items in {variable} (by what the threads do)")
                name = next(n for at, _size, n in ring.members if at == ring.data)
                words = text.format(slots=ring.slots, size=ring.item_size, variable=name)
                self.among_variables = ring, words

    def look(self, world: "Execution") -> None:
        """At what the living tasks map. ShmtuiError: what the user says of the layout cannot be."""
        living = [task for task in world.tasks if task.ended is None and not task.foreign]
        for task in living:
            task.place_all()
        pids = [task.pid for task in living]
        sizes = world.files.sizes | world.memory.segments()
        rings = [s for s in sizes if "sem." not in s and not s.startswith(OWN)]
        wanted = [self._name.lstrip("/")] if self._name else rings
        self._has_segments = bool(rings)
        for segment in wanted:
            if segment not in sizes or self.found is not None:
                continue
            target = world.files.target_of(segment, pids[0]) if pids else None
            found = None if target is None else self._resolved(segment, target, pids, world)
            if found is not None and found[0].layout is not None:
                self._take(world, segment, found[0], found[1], pids)
            elif pids and not self._options.given:
                self._types[segment] = _types(world, segment, pids)
        if self.found is None and self._options.given:
            text = _("the programs map no segment that has this layout: give its --name")
            raise ShmtuiError(text)

    def _resolved(
        self, segment: str, target: str, pids: list[int], world: "Execution"
    ) -> tuple[ResolvedLayout, str] | None:
        if self._options.given:
            reader = open_target(target)
            try:
                said = _("by what the programs do") if self._by_use else _("as it was given")
                return resolve(reader, self._options), said
            finally:
                reader.close()
        size = world.files.size_of(segment)
        known = QuickTypes(SHM_DIR, _READ_SECONDS).resolved(target, pids, size)
        if known is not None:
            return known, _("by the debug information of {file}").format(file=known.origin)
        libc = Libc.MUSL if world.programs[0][0].is_musl else Libc.GLIBC
        exercise = seed_layout(SEED_SLOTS, ITEM_TYPES["int32"], libc)
        places = {
            step.operation.place.offset
            for step in world.result.steps
            if step.operation.place is not None
            and step.operation.place.segment == segment
            and step.operation.kind not in ACCESSES
        }
        semaphores = {exercise.mutex, exercise.empty, exercise.full}
        if target != SEED_NAME or not places or not places <= semaphores:
            return None
        from shmtui.shm.segment_info import LayoutSource  # noqa: PLC0415 - rarely needed

        return ResolvedLayout(exercise, LayoutSource.INFERRED), _("assumed: the exercise's")

    def _take(
        self, world: "Execution", segment: str, known: ResolvedLayout, source: str, pids: list[int]
    ) -> None:
        layout = known.layout
        assert layout is not None
        if not layout.slots or not layout.item.size:
            return
        plain = (
            layout.has_indices
            and not layout.index_segment
            and not layout.last
            and not _about_ring(known)
        )
        ring = ring_of(segment, layout, plain=plain)
        ring = replace(ring, members=(*ring.members, *_fields(world, segment, layout, pids)))
        words = f"/{segment}: {layout_words(layout)} ({source})"
        self.found = FoundRing(ring, layout, known, world.files.size_of(segment), words)


def _types(world: "Execution", segment: str, pids: list[int]) -> list[TypeSource]:
    """The structs that may lie there; memory without a file has as many bytes as its pages, and a struct may have fewer."""
    size, programs = world.files.size_of(segment), ProgramFiles().programs(pids)
    pages = segment not in world.files.descriptors and not segment.startswith("SYSV")
    return types_for(size, programs, least=max(size - _PAGE + 1, _LEAST) if pages else None)


def _fields(
    world: "Execution", segment: str, layout: Layout, pids: list[int]
) -> list[tuple[int, int, str]]:
    """Begin, bytes and name of each member of the only struct of the programs that holds the layout and fills
    the segment.
    """
    from shmtui.layouts.member_roles import all_members  # noqa: PLC0415 - not for sets alone

    size = world.files.size_of(segment)
    found = {
        struct.names: struct
        for source in _types(world, segment, pids)
        for struct in source.structs
        if layout.size <= struct.size <= size < struct.size + _PAGE
    }
    if len(found) != 1:
        return []
    (struct,) = found.values()
    return [
        (member.offset, member.shape.size, name)
        for name, member in all_members(struct.members)
        if not member.members and member.offset != layout.data
    ]


def ring_of(segment: str, layout: Layout, *, plain: bool) -> Ring:
    """The ring of a layout; ``plain``: with its indices and its count, which mean what they usually do."""
    return Ring(
        segment, layout.data, layout.slots, layout.item.size,
        layout.in_ if plain else None, layout.out if plain else None,
        layout.mutex, layout.empty, layout.full,
        count=layout.count[0] if layout.count is not None and plain else None,
        members=tuple((m.offset, SYNC_SIZES[m.kind], m.name) for m in layout.sync),
        index_size=layout.index_size,
    )  # fmt: skip


def settle(workshop: "Workshop", finder: RingFinder, usual: Run) -> FoundRing | None:
    """Have the programs judged by the ring, if there is one: that in shared memory is returned, with its indices.
    ``usual``: an execution of them, which is told who is on which side.
    """
    execution, found = workshop.execution, finder.found
    if found is not None:
        ring = found.ring
    elif finder.among_variables is not None:
        ring, workshop.ring_words = finder.among_variables
    else:
        return None
    fine, execution.fine = execution.fine, True
    execution.set_up_in_turn = True  # Who sets both indices to 0 is on neither side by that.
    try:
        run = execution.run()
    finally:
        execution.fine, execution.set_up_in_turn = fine, False
    execution.sides = sides_of(run, ring)
    for each in (run, usual):
        each.roles |= execution.sides
    if found is not None:
        found = with_indices(found, run)
        ring, workshop.ring_words = found.ring, found.words
        workshop.layout = layout_option(found.layout)
    execution.ring = with_permits(ring, usual)
    workshop.names = workshop.names_with(execution.ring)
    return found


def with_indices(found: FoundRing, run: Run) -> FoundRing:
    """The ring with the index as ``in`` that producers alone store, or first, whatever the two are called: an item past
    the last slot lies over an index. ``run``: an execution at loads and stores.
    """
    layout, ring = found.layout, found.ring
    if not layout.has_indices or layout.index_segment or layout.last:
        return found
    storing: dict[int | None, dict[Role, None]] = {layout.in_: {}, layout.out: {}}
    for step in run.steps:
        place = step.operation.place
        moves = step.operation.kind in {Kind.STORE, Kind.UPDATE} and step.value != step.after
        if (
            moves
            and place is not None
            and place.segment == ring.segment
            and place.offset in storing
        ):
            storing[place.offset].setdefault(run.roles[step.task])
    first = {at: next(iter(roles), None) for at, roles in storing.items()}
    for in_, out in ((layout.in_, layout.out), (layout.out, layout.in_)):
        alone = set(storing[in_]) == {Role.PRODUCER} and Role.PRODUCER not in storing[out]
        if alone or (first[in_], first[out]) == (Role.PRODUCER, Role.CONSUMER):
            known = replace(layout, in_=in_, out=out)
            words = found.words.replace(layout_words(layout), layout_words(known))
            return replace(found, ring=replace(ring, in_=in_, out=out), layout=known, words=words)
    return found


def with_permits(ring: Ring, usual: Run) -> Ring:
    """The ring, bounded where one semaphore is what producers alone wait for and consumers alone post, and
    another the other way round: wherever they lie.
    """
    return replace(ring, bounded=ring.bounded or len(permit_places(usual)) == len(_SIDES))


def _about_ring(known: ResolvedLayout) -> list[str]:
    """The disputes, but for those of which semaphore of a System V set is which: what happens to items and
    indices does not depend on that.
    """
    layout = known.layout
    members = [name for _role, name in layout.names if set_member(name)] if layout else []
    return [text for text in known.disputes if not any(name in text for name in members)]


def initial_contents(segment: str, layout: Layout, size: int) -> dict[str, bytes]:
    """Files of /dev/shm as the exercise has them at the begin: an empty ring, its semaphores initialised."""
    values = {SemaphoreRole.MUTEX: 1, SemaphoreRole.EMPTY: layout.slots, SemaphoreRole.FULL: 0}
    raw = bytearray(size)
    contents: dict[str, bytes] = {}
    for role, value in values.items():
        words = encode(SemaphoreWords(value, 0, shared=True), layout.libc)
        at = getattr(layout, role.value)
        if at is not None:
            raw[at : at + len(words)] = words
    for role, name in layout.names:
        words = encode(SemaphoreWords(values[role], 0, shared=True), layout.libc)
        contents[f"sem.{name.lstrip('/')}"] = words.ljust(32, b"\0")
    return {segment: bytes(raw), **contents}
