"""``shmtui grade``: a student's programs judged, or those of a whole class."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shmtui.cli.parameters import SECONDS, SEGMENT_NAME
from shmtui.cli.progress_line import ProgressLine
from shmtui.cli.shared_options import layout_options, open_options, split_command
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode, ShmtuiError
from shmtui.i18n import _

if TYPE_CHECKING:
    from shmtui.grading.formats import Graded

_FORMATS = ("text", "json", "junit", "gradescope", "classroom", "check50", "vpl", "md")
_MOST_PROGRAMS = 4


@click.command("grade", cls=TranslatedCommand, short_help="Judge a student's programs by a rubric")
@click.option(
    "--producer", "producers", multiple=True, metavar="CMD|FILE.c",
    help="A producer, or its source; once for each. Alone: a program whose children or threads do both.",
)  # fmt: skip
@click.option(
    "--consumer", "consumers", multiple=True, metavar="CMD|FILE.c",
    help="A consumer, or its source; once for each.",
)  # fmt: skip
@click.option(
    "--before", metavar="CMD|FILE.c",
    help="A program to run to its end before the others: it makes what they open.",
)  # fmt: skip
@click.option(
    "--class", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER", help="Grade each folder in FOLDER, a student each, and print one table.",
)  # fmt: skip
@click.option(
    "--rubric", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.toml",
    help="Which checks count, and how much; without it, those of the classical exercise.",
)  # fmt: skip
@click.option("--print-rubric", is_flag=True, help="Print the rubric of the classical exercise.")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True,
    help="The format of the report; with --class, of each student's file.",
)  # fmt: skip
@click.option(
    "--table", type=click.Choice(("text", "csv", "md")), default="text", show_default=True,
    help="The form of the table of --class.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
    help="Write the reports there, with the schedules and programs to replay what failed.",
)  # fmt: skip
@click.option(
    "--budget", type=SECONDS, default="30", show_default=True,
    help="Try a submission for about this many seconds of processor time.",
)  # fmt: skip
@click.option("--hints", is_flag=True, help="Say what to change, too.")
@click.option(
    "--init", "initialise", is_flag=True,
    help="Make the segment and initialise its semaphores beforehand: mutex 1, empty N, full 0.",
)  # fmt: skip
@click.option(
    "--name", type=SEGMENT_NAME, metavar="/NAME",
    help="The segment that holds the ring, where there are several.",
)  # fmt: skip
@layout_options
def command(producers: tuple[str, ...], consumers: tuple[str, ...], before: str | None,
            folder: Path | None, rubric: Path | None, print_rubric: bool, form: str, table: str,
            output: Path | None, budget: float, hints: bool, initialise: bool, name: str | None,
            **layout: Any) -> int:  # fmt: skip
    """Judge the programs of an exercise: each check passes, fails, or is unknown.

    A check passes where every order of so many items was seen, and fails where an order
    shows a mistake; what is not proved is unknown, and says why. The programs are tried
    in a box: no network, no other processes, with limits of memory, processes and space.

    Exit 0: all that counts passed. Exit 1: something failed. Exit 2: nothing failed, and
    not everything could be judged; or it cannot be done.

    \b
    Examples:
      shmtui grade --producer produtor.c --consumer consumidor.c
      shmtui grade --producer ./p --consumer ./c --init --format junit
      shmtui grade --producer fork_or_threads.c
      shmtui grade --print-rubric > rubric.toml
      shmtui grade --class turma/ --rubric rubric.toml -o notas/
    """
    from shmtui.grading.rubric import DEFAULT, read_rubric

    if print_rubric:
        click.echo(DEFAULT.read_text(encoding="utf-8"), nl=False)
        return ExitCode.OK
    options, _folder = open_options(layout)
    if bool(folder) == bool(producers or consumers):
        raise click.UsageError(
            _("name the programs (--producer ./produtor --consumer ./consumidor), or a --class")
        )
    if max(len(producers), len(consumers)) > _MOST_PROGRAMS:
        text = _("{count} programs are too many: {most} at most")
        raise click.UsageError(text.format(count=len(producers + consumers), most=_MOST_PROGRAMS))
    known = read_rubric(rubric or DEFAULT)
    from shmtui.grading.cgroup import limited_by_kernel
    from shmtui.grading.course import Job, graded_together, prepare_folder, students
    from shmtui.grading.formats import FORMATS
    from shmtui.grading.namespaces import may_be_apart
    from shmtui.grading.submission import Submission
    from shmtui.session.terminal import note

    if output is not None:
        prepare_folder(output)
    submission = Submission(
        tuple(map(split_command, producers)), tuple(map(split_command, consumers)),
        split_command(before) if before else (), options=options, initialise=initialise, name=name, budget=budget,
    )  # fmt: skip
    submission.require_programs()
    jobs = [Job(" + ".join(dict.fromkeys((*producers, *consumers))), submission)]
    if folder is not None:
        jobs = students(folder, submission, reports=output)
        if not may_be_apart():
            text = _(
                "this system allows no namespaces: programs that kill others may end the grading"
            )
            note(text)
        elif not limited_by_kernel():
            note(
                _(
                    "no control group is delegated to this user: memory and processes are checked several times a second, and not limited by the kernel"
                )
            )
    with ProgressLine() as progress:
        graded = graded_together(
            jobs, known, hints=hints, output=output, form=form, progress=progress.show
        )
    if folder is not None:
        click.echo(_tables(graded, table, output), nl=False)
        return _exit_code(graded)
    if graded[0].error:
        raise ShmtuiError(graded[0].error)
    click.echo(FORMATS[form][1](graded[0]), nl=False)
    return _exit_code(graded)


def _tables(graded: "list[Graded]", table: str, output: Path | None) -> str:
    """The table in the form that was asked for; all forms in the folder of the reports."""
    from shmtui.grading.course import write_file
    from shmtui.grading.table import TABLES

    if output is not None:
        for suffix, make in TABLES.values():
            write_file(output / f"table.{suffix}", make(graded))
    return TABLES[table][1](graded)


def _exit_code(all_graded: "list[Graded]") -> int:
    from shmtui.grading.result import Verdict

    counted = [r for graded in all_graded for r in graded.results if r.most]
    if any(result.verdict is Verdict.FAIL for result in counted):
        return ExitCode.FINDINGS
    unknown = any(result.verdict is Verdict.UNKNOWN for result in counted)
    return ExitCode.CANNOT if unknown or any(g.error for g in all_graded) else ExitCode.OK
