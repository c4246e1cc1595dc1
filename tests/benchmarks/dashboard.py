"""What the dashboard costs, beside the monitors that everybody knows."""

import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shmtui.procfs.process import processes
from tests.benchmarks.crowded import crowd
from tests.benchmarks.effort import Effort, interleaved, progress
from tests.benchmarks.programs import (
    SHMTUI,
    TEN_WORKERS,
    Cost,
    Screen,
    compiled,
    crew,
    find,
    install_glances,
)
from tests.benchmarks.tables import Figures, Table

_SETTLE: Final = 2.5
"""Seconds before a measurement begins: a program's start is not its running."""
_BTOP: Final = "update_ms = {ms}\n"


def commands(hz: float) -> dict[str, tuple[str, ...]]:
    """Who is measured at so many frames a second."""
    attach = ("attach", "--refresh", f"{hz:g}")
    found: dict[str, tuple[str, ...]] = {
        "shmtui, 5 slots": (*SHMTUI, *attach, "/bench-5"),
        "shmtui, 64 slots": (*SHMTUI, *attach, "/bench-64"),
    }
    tools = {
        f"htop -d {10 / hz:g}": ("htop", "-d", f"{10 / hz:g}"),
        f"top -d {1 / hz:g}": ("top", "-d", f"{1 / hz:g}"),
        f"btop, {1000 / hz:g} ms": ("btop",),
        f"glances -t {1 / hz:g}": ("glances", "-t", f"{1 / hz:g}", "--disable-check-update"),
    }
    for name, (tool, *options) in tools.items():
        path = find(tool)
        found[name] = (path, *options) if path else ()
    return found


def measure(
    command: tuple[str, ...], seconds: float, env: dict[str, str], costs: list[Cost]
) -> float | None:
    """Per cent of a core; the whole cost goes to ``costs`` too."""
    if not command:
        return None
    with Screen(command, env=env) as screen:
        screen.cost(_SETTLE)
        cost = screen.cost(seconds)
    if cost is None:
        return None
    costs.append(cost)
    return cost.cpu


def at_rate(effort: Effort, hz: float, seconds: float, rounds: int, others: str = "") -> Table:
    """Everybody at so many frames a second; ``others``: who else is on the machine, in words."""
    everybody = commands(hz)
    written: dict[str, list[Cost]] = {name: [] for name in everybody}
    with tempfile.TemporaryDirectory() as home:
        settings = Path(home) / "btop" / "btop.conf"
        settings.parent.mkdir()
        settings.write_text(_BTOP.format(ms=int(1000 / hz)))
        env = {"XDG_CONFIG_HOME": home}
        used = interleaved(
            effort.rounds(rounds),
            {
                name: functools.partial(
                    measure, command, effort.seconds(seconds), env, written[name]
                )
                for name, command in everybody.items()
            },
        )
    htop = next(figures for name, figures in used.items() if name.startswith("htop"))
    rows = [
        (
            name if everybody[name] else f"{name} (not installed)",
            figures.text(),
            figures.over(htop).text(),
            Figures(tuple(cost.bytes_per_s / hz for cost in written[name])).text(),
        )
        for name, figures in used.items()
    ]
    return Table(
        f"Cost of the dashboard at {hz:g} frames a second, 120×40, 10 workers{others}",
        ("program", "CPU, % of a core", "× htop", "bytes a frame"),
        tuple(rows),
        ("5 producers and 5 consumers at 50 items/s each move items all the while. The monitors had "
         f"{sum(1 for _ in processes())} processes to show, and cost more where there are more; "
         "shmtui does not. Goals: no more than htop, at 10 frames a second also no more than btop.",),
    )  # fmt: skip


def run(effort: Effort) -> Iterator[Table]:
    """At ten frames a second and at one."""
    install_glances()
    with (
        crew("/bench-5", "--slots", "5", *TEN_WORKERS),
        crew("/bench-64", "--slots", "64", *TEN_WORKERS),
    ):
        for hz, seconds, rounds in ((10.0, 6.0, 3), (1.0, 12.0, 2)):
            progress(f"dashboard at {hz:g} frames a second")
            yield at_rate(effort, hz, seconds, rounds)
            with (
                compiled(Path(__file__).parent / "crowd.c", "-w") as program,
                crowd(program, "processes", "475"),
            ):
                progress(f"dashboard at {hz:g} frames a second, 500 processes")
                yield at_rate(effort, hz, seconds, rounds, ", 500 processes")
