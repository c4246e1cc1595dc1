"""What is said where a dashboard begins: what it is attached to, and what is to be known of a replay. Pure."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shmtui.i18n import N_, _
from shmtui.layouts.describe import source_words
from shmtui.shm.segment_info import LayoutSource
from shmtui.snapshot import Snapshot

if TYPE_CHECKING:
    from shmtui.session.replay_source import Replayed

_KNOWN_BY = {
    LayoutSource.CONTROL: N_("from its control block"),
    LayoutSource.HEADER: N_("from the header"),
    LayoutSource.OPTIONS: N_("as told"),
    LayoutSource.INFERRED: N_("inferred"),
}
"""For the sources that are no program and no file."""


def attached_text(snapshot: Snapshot) -> str:
    """What is attached to, and how its layout is known."""
    layout, source = snapshot.layout, snapshot.layout.source
    words = _("shown as bytes")
    if source is not LayoutSource.RAW:
        known_by = _KNOWN_BY.get(source)
        words = _(known_by) if known_by else source_words(source, layout.origin)
        words = _("layout {known_by}").format(known_by=words)
    words = "; ".join((words, *layout.assumptions))
    return _("attached to {name} ({words})").format(name=snapshot.segment.name, words=words)


def replay_notes(replay: "Replayed") -> Iterator[str]:
    """Whose capsule it is, and what is not read."""
    for shown in replay.sides:
        its, recording = shown.incident, shown.player.recording
        if its is not None:
            text = _("a capsule of {host}; its bytes are those of its end")
            yield text.format(host=its.host or _("a host that is left out"))
        if recording.note:
            yield f"{recording.path.name}: {recording.note}"
