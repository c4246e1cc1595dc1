"""``shmtui lab``: lists the lessons, and starts one with its text beside it."""

import functools

import click

from shmtui.cli.parameters import LESSON_NAME
from shmtui.cli.translation import TranslatedCommand
from shmtui.errors import ExitCode
from shmtui.i18n import _


@click.command("lab", cls=TranslatedCommand, short_help="Start a prepared lesson")
@click.argument("name", type=LESSON_NAME, required=False)
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def command(name: str | None, ascii_only: bool) -> int:
    """Start a prepared scene with a text beside it: what you see, why, what to press.

    Without NAME, the list of lessons. A lesson has a segment of its own, runs real
    processes over it, and takes all of it away at the end.

    \b
    Examples:
      shmtui lab                the lessons
      shmtui lab hang           the course's two programs hang, and are rescued
      shmtui lab no-mutex --lang pt
    """
    from shmtui.lessons.lesson_texts import BY_NAME, LESSONS

    if name is None:
        width = max(map(len, BY_NAME))
        for lesson in LESSONS:
            click.echo(f"{lesson.name:<{width}}  {_(lesson.title)}")
        click.echo()
        click.echo(_("shmtui lab NAME starts one; its text tells what to press"))
        return ExitCode.OK
    from shmtui.cli.open_dashboard import configured, show_dashboard
    from shmtui.session.lesson_run import start

    lesson = BY_NAME[name]
    show = functools.partial(
        show_dashboard, configuration=configured(), ascii_only=ascii_only, lesson=lesson
    )
    return start(lesson, show)
