"""``python -m tests.benchmarks [--short] [--output FILE] [NAME...]``: measure, and print tables.

Names: dashboard browsers disturbance workers accuracy scale crowded start recording idle; all by default. The
tables go to stdout as Markdown, and to FILE. As root, everything runs in a /dev/shm and among processes of
its own, so that what else is on the machine is neither disturbed nor counted.
"""

import argparse
import importlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.benchmarks import machine
from tests.benchmarks.effort import Effort, progress
from tests.benchmarks.tables import Table, markdown

NAMES: Final = (
    "dashboard", "browsers", "disturbance", "workers", "accuracy", "scale", "crowded", "start",
    "recording", "idle",
)  # fmt: skip
APART: Final = "SHMTUI_BENCHMARKS_APART"
_HEAD: Final = """\
# Measured

By `python -m tests.benchmarks{arguments}`, which took {minutes:.0f} minutes; run it again with
`--output tests/benchmarks/RESULTS.md` to renew this file, with the names of some of
{names} to measure only those, and with `--short` for a
few minutes of rough figures. What is compared is measured in turns, in one run, and a ratio is
that of two measurements made one after the other; where there are several, the median stands
first, and the least and the greatest in brackets.
"""


def move_apart() -> None:
    """Begin anew in namespaces of one's own, where the kernel allows that and has not yet."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0 or APART in os.environ:
        return
    os.environ[APART] = "1"
    # The shell stays, as the first process of all: it reaps whom nobody waits for.
    mounted = 'mount -t tmpfs tmpfs /dev/shm && "$@"; exit $?'
    here = (sys.executable, "-m", "tests.benchmarks", *sys.argv[1:])
    apart = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    os.execv(unshare, [unshare, *apart, "sh", "-c", mounted, "sh", *here])


def tables(names: list[str], effort: Effort) -> Iterator[Table]:
    """All that was asked for."""
    for name in names:
        yield from importlib.import_module(f"tests.benchmarks.{name}").run(effort)


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(NAMES))
    parser.add_argument("--short", action="store_true", help="a few minutes of rough figures")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the tables there too")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}: choose from {' '.join(NAMES)}")
    # As after an installation: nobody who starts a program waits for it to be compiled again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    move_apart()
    load, started = os.getloadavg()[0], time.monotonic()
    names = options.names or list(NAMES)
    texts = []
    for table in tables(names, Effort(options.short)):
        texts.append(markdown(table))
        print(f"{texts[-1]}\n", flush=True)  # noqa: T201 - the output of this program
    arguments = "".join(f" {argument}" for argument in sys.argv[1:] if argument != "--output")
    head = _HEAD.format(
        arguments=arguments.replace(f" {options.output}", ""),
        minutes=(time.monotonic() - started) / 60,
        names=", ".join(f"`{name}`" for name in NAMES),
    )
    texts = [head.rstrip(), markdown(machine.table(load)), *texts]
    print(texts[1])  # noqa: T201
    if options.output is not None:
        options.output.write_text("\n\n".join(texts) + "\n")
        progress(f"written to {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
