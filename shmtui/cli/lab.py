"""``shmtui lab``: lists the lessons, and starts one with its text beside it."""

import functools
from typing import TYPE_CHECKING

import click

from shmtui.cli.parameters import LESSON_NAME
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _

if TYPE_CHECKING:
    from shmtui.lessons.lesson import Leave, Lesson


@click.command("lab", cls=TranslatedCommand, short_help="Start a prepared lesson")
@click.argument("name", type=LESSON_NAME, required=False)
@click.option(
    "--steps",
    "held",
    is_flag=True,
    help="Show its mistake held at the very step where it happens; step on and back through the source.",
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def command(name: str | None, held: bool, ascii_only: bool) -> int:
    """Start a prepared scene with a text beside it: what you see, why, what to press.

    Without NAME, the list of lessons. A lesson has a segment of its own, runs real
    processes over it, and takes all of it away at the end. What its text tells you to press
    is ticked off; the keys ] and [ go to the next lesson and to the one before.

    \b
    Examples:
      shmtui lab                the lessons
      shmtui lab hang           the course's two programs hang, and are rescued
      shmtui lab no-mutex --lang pt
      shmtui lab killed --steps    real programs, held where it goes wrong
    """
    from shmtui.lessons.lesson import Leave
    from shmtui.lessons.lesson_texts import BY_NAME, LESSONS, held_form

    if name is None:
        width = max(map(len, BY_NAME))
        for lesson in LESSONS:
            click.echo(f"{lesson.name:<{width}}  {_(lesson.title)}")
        click.echo()
        click.echo(_("shmtui lab NAME starts one; its text tells you what to press"))
        return ExitCode.OK
    from shmtui.cli.open_dashboard import configured, show_dashboard
    from shmtui.session.lesson_run import start

    lesson = BY_NAME[name]
    show = functools.partial(
        show_dashboard,
        configuration=configured(),
        ascii_only=ascii_only,
        lesson=held_form(lesson) if held else lesson,
    )
    if held and lesson.held is None and lesson.scene.steps is None:
        text = _("lesson {name} has no mistake that is held at a step: leave out --steps")
        raise click.UsageError(text.format(name=name))
    code = start(lesson, show, held=held and lesson.held is not None)
    if code in set(Leave):
        _go_on(lesson, Leave(code), held, ascii_only)
    return code


def _go_on(lesson: "Lesson", way: "Leave", held: bool, ascii_only: bool) -> None:
    """Become the command of another lesson: it starts as if it were the first."""
    import os
    import signal

    from shmtui.lessons.lesson import Leave
    from shmtui.lessons.lesson_texts import lesson_beside
    from shmtui.procfs.interpreter import module_command, module_environment
    from shmtui.session.terminal import ENDING_SIGNALS

    by = {Leave.NEXT: 1, Leave.BEFORE: -1, Leave.HELD: 0}[way]
    other = lesson_beside(lesson, by) or lesson
    options = ["--steps"] if way is Leave.HELD and not held else []
    options += ["--ascii"] if ascii_only else []
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    command = module_command("shmtui", "lab", other.name, *options)
    os.execve(command[0], command, module_environment())
