"""A wait-for graph as text: a tree for each process that waits, and the deadlocks by name. Pure."""

from collections.abc import Iterator

import msgspec

from shmtui.diagnosis.wait_graph import Giver, WaitedFor, WaitGraph
from shmtui.i18n import _
from shmtui.sanitize import inert

_LAST, _MORE, _BELOW, _BESIDE = "└─ ", "├─ ", "   ", "│  "
_AGAIN = " ↺"
_IN_ASCII = str.maketrans({"└": "`", "├": "|", "─": "-", "│": "|", "↺": "(again)", "→": "->"})


class Row(msgspec.Struct, frozen=True):
    """A line of the drawing."""

    stem: str
    """The lines of the tree before it."""
    text: str
    deadlock: bool = False


def graph_rows(graph: WaitGraph, *, ascii_only: bool = False) -> Iterator[Row]:
    """The graph, a row each; one row where nobody waits."""
    for row in _rows(graph):
        if ascii_only:
            drawn = row.stem.translate(_IN_ASCII), row.text.translate(_IN_ASCII)
            yield Row(*drawn, row.deadlock)
        else:
            yield row


def graph_lines(graph: WaitGraph) -> Iterator[str]:
    """The same as text."""
    return (row.stem + row.text for row in graph_rows(graph))


def graph_json(graph: WaitGraph) -> dict[str, object]:
    """The graph as JSON: who waits for what, who could give it, who is stuck, and the rings."""
    return {
        "waits": [
            {
                "pid": pid,
                "name": graph.names.get(pid),
                "for": each.name,
                "value": each.value,
                "givers": [{"pid": g.pid, "how": g.how.name.lower()} for g in each.givers],
            }
            for pid, its in graph.waits.items()
            for each in its
        ],
        "stuck": list(graph.stuck),
        "cycles": [list(ring) for ring in graph.cycles],
        "unless": list(graph.unless),
        "certainty": "likely",
        "owners_named": graph.owners_named,
    }


def _rows(graph: WaitGraph) -> Iterator[Row]:
    if not graph.waits:
        yield Row("", _("nobody waits for anything that another process could give"))
        return
    given = {g.pid for its in graph.waits.values() for o in its for g in o.givers}
    # Whom nobody waits for begins a tree; a ring has none such, and begins at its first.
    drawn: set[int] = set()
    for pid in (*(p for p in graph.waits if p not in given), *graph.waits):
        if pid not in drawn:
            yield Row("", _process(pid, graph))
            yield from _below(pid, graph, "", drawn, (pid,))
    for ring in graph.cycles:
        unless = ", ".join(_process(pid, graph) for pid in graph.unless)
        claim = _("deadlock, it seems")
        if graph.owners_named:
            claim = _("deadlock, unless another process unlocks in an owner's place")
        if unless:
            claim = _("deadlock, unless {who} gives one of them").format(who=unless)
        yield Row("", f"{claim}: {_ring(ring, graph)}", deadlock=True)
    alone = [pid for pid in graph.stuck if not any(pid in ring for ring in graph.cycles)]
    if alone:
        text = _("stuck, as far as is known: {who}")
        yield Row("", text.format(who=", ".join(_process(pid, graph) for pid in alone)))


def _process(pid: int, graph: WaitGraph) -> str:
    return f"{inert(graph.names.get(pid, '?'))} (PID {pid})"


def _object(each: WaitedFor) -> str:
    value = "" if each.value is None else f", {each.value}"
    return inert(each.name) + value


def _below(
    pid: int, graph: WaitGraph, indent: str, drawn: set[int], path: tuple[int, ...]
) -> Iterator[Row]:
    """What a process waits for, and who could give it, each with what that one waits for."""
    drawn.add(pid)
    its = graph.waits.get(pid, ())
    for at, each in enumerate(its):
        last = at == len(its) - 1
        text = _("waits for {object}").format(object=_object(each))
        yield Row(indent + (_LAST if last else _MORE), text)
        inner = indent + (_BELOW if last else _BESIDE)
        if not each.givers:
            yield Row(inner + _LAST, _("nobody is known who could give it"))
        for number, giver in enumerate(each.givers):
            end = number == len(each.givers) - 1
            yield Row(inner + (_LAST if end else _MORE), _giver(giver, graph, path))
            if giver.pid not in path and giver.pid not in drawn:
                deeper = inner + (_BELOW if end else _BESIDE)
                yield from _below(giver.pid, graph, deeper, drawn, (*path, giver.pid))


def _giver(giver: Giver, graph: WaitGraph, path: tuple[int, ...]) -> str:
    again = _AGAIN if giver.pid in path else ""
    return f"{_(giver.how.value)} {_process(giver.pid, graph)}{again}"


def _ring(ring: tuple[int, ...], graph: WaitGraph) -> str:
    """Each process, with what it waits for that the next one could give."""
    parts = []
    for pid, giver in zip(ring, (*ring[1:], ring[0]), strict=True):
        wanted = next(o for o in graph.waits[pid] if giver in {g.pid for g in o.givers})
        parts.append(f"{_process(pid, graph)} → {inert(wanted.name)}")
    return " → ".join((*parts, _process(ring[0], graph)))
