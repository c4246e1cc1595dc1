"""Which threads or children of one program produce, and which consume: by what they do with the slots. Pure."""

from shmtui.control.items import Ring
from shmtui.control.operation import ACCESSES, SILENT, STARTING, Kind
from shmtui.control.run import Run
from shmtui.shm.protocol import Role


def sides_of(run: Run, ring: Ring) -> dict[str, Role]:
    """The side of each task that uses slots, where one program plays both: who stores in a slot before it loads
    one produces. Empty where its tasks are not all begun by the same one, as the names tell them apart by when they
    were begun; and where that does not give both sides.

    ``run``: an execution at loads and stores. What the one that begins the others does before its first call is its
    set-up, if it calls.
    """
    programs, parents = set(run.programs.values()), set(run.parents.values())
    if len(programs) > 1 or len(parents) > 1:
        return {}
    calling = parents & {step.task for step in run.steps if _meets_others(step.operation.kind)}
    under_way: set[str] = set()
    found: dict[str, Role] = {}
    for step in run.steps:
        place, kind = step.operation.place, step.operation.kind
        if _meets_others(kind):
            under_way.add(step.task)
        if kind not in ACCESSES or place is None or place.segment != ring.segment:
            continue
        is_set_up = step.task in calling and step.task not in under_way
        if not is_set_up and ring.slot(place.offset) is not None:
            found.setdefault(step.task, Role.CONSUMER if kind is Kind.LOAD else Role.PRODUCER)
    return found | _twins(run, found) if len(set(found.values())) > 1 else {}


def _twins(run: Run, known: dict[str, Role]) -> dict[str, Role]:
    """The sides of those that have not come to a slot: of the tasks that do what they do, and the other side does not."""
    points: dict[str, set[object]] = {task: set() for task in run.programs}
    taken = [(step.task, step.operation) for step in run.steps]
    for task, operation in (*taken, *run.blocked):
        if _meets_others(operation.kind):
            points[task].add((operation.kind, operation.site, operation.place, operation.changes))
    of_side = {
        role: set[object]().union(*(points[task] for task, its in known.items() if its is role))
        for role in known.values()
    }
    found = {}
    for task in points.keys() - known.keys():
        roles = [
            role
            for role, its in of_side.items()
            if points[task] & its.difference(*(o for r, o in of_side.items() if r is not role))
        ]
        if len(roles) == 1:
            found[task] = roles[0]
    return found


def _meets_others(kind: Kind) -> bool:
    return kind not in ACCESSES | SILENT | STARTING
