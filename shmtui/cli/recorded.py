"""A recording or a capsule where a command takes a segment: what does not go with it, and its first line."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shmtui.errors import ShmtuiError
from shmtui.i18n import _

if TYPE_CHECKING:
    from shmtui.session.recorded_segment import RecordedSegment


def recorded_in(path: Path, *live_only: str, **layout: Any) -> "RecordedSegment":
    """The last look in a file. RecordingError: it cannot be read. ShmtuiError: an option was given that
    needs a segment: one of ``live_only``, by its parameter's name, or of ``layout``.
    """
    from shmtui.session.recorded_segment import recorded_segment
    from shmtui.session.terminal import note

    context = click.get_current_context()
    given = click.core.ParameterSource.COMMANDLINE
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in {*live_only, *layout} and context.get_parameter_source(name) is given:
            wrong = _(
                "{option} needs a segment, and {path} is a file of what was seen: leave it out"
            )
            raise ShmtuiError(wrong.format(option=parameter.opts[0], path=path))
    look = recorded_segment(path)
    if look.note:
        note(look.note)
    return look
