"""Which keys are on in a dashboard, and why another one does nothing there. Pure."""

from typing import Final

from msgspec.structs import replace

from shmtui.diagnosis.wording import target
from shmtui.i18n import N_, _
from shmtui.tui.key import (
    ALONE,
    BYTES,
    IN_LESSON,
    LESSON,
    LIVE,
    LIVE_BYTES,
    OPENER,
    PAIR,
    PROGRAMS,
    REPLAY,
    ROWS,
    STEPS,
    Key,
)
from shmtui.tui.view_model import ViewModel

_IN_SCHEDULE: Final = {
    "main('go_to_panel', 'throughput')": N_("Go to the steps"),
    "main('go_to_panel', 'processes')": N_("Go to the programs"),
    "main('go_to_panel', 'events')": "",
}
"""What the keys of panels do in a schedule, which has others; empty: nothing of their own."""


def available(view: ViewModel) -> tuple[Key, ...]:
    """The keys that are on, as their help puts it here."""
    keys = _on(view)
    if view.held is None:
        return keys
    named = (replace(key, help=_IN_SCHEDULE.get(key.action, key.help)) for key in keys)
    return tuple(key for key in named if key.help)


def _on(view: ViewModel) -> tuple[Key, ...]:
    return tuple(
        key
        for key in view.keys
        if not (view.read_only and key.changes)
        and not (view.served and key.stays_here)
        and not (view.no_workers and key.for_workers)
        and key.needs not in view.missing
    )


def not_in_browser(key: str) -> str:
    """Why a key of `Key.stays_here` does nothing."""
    return _("{key} is off in a browser: it works where shmtui itself runs").format(key=key)


_WHY_MISSING = {
    OPENER: N_("{key}: this dashboard has no way to other segments"),
    PROGRAMS: N_(
        "{key}: no program of yours runs here; shmtui run --producer CMD or --consumer CMD "
        "starts one"
    ),
    BYTES: N_("{key} works where bytes are shown; here a ring is shown"),
    LIVE_BYTES: N_("{key} works where bytes are shown; here a ring is shown"),
    LESSON: N_("{key}: there is no lesson here; shmtui lab lists them"),
    LIVE: N_("{key}: what a recording shows is over; it works on a segment that is there"),
    PAIR: N_("{key} works where two recordings are replayed: shmtui replay A B"),
    REPLAY: N_("{key} moves in a recording; here a segment is watched"),
    ROWS: N_("{key} works on processes and events; a schedule shows its steps"),
    ALONE: N_("{key} moves in a schedule of shmtui explore; there is none here"),
    IN_LESSON: N_("{key} moves in a schedule of shmtui explore; there is none here"),
    STEPS: N_("{key} moves in a schedule of shmtui explore; there is none here"),
}


def why_off(action: str, view: ViewModel) -> str | None:
    """Why the key of an action does nothing here, and what to do about it; None where it works.

    >>> from msgspec.structs import replace
    >>> from shmtui.snapshot import EMPTY
    >>> jobs = replace(EMPTY, segment=replace(EMPTY.segment, name="/jobs"))
    >>> why_off("workers('kill')", ViewModel(jobs, read_only=True))
    'K changes something, and this dashboard is read-only: shmtui attach /jobs --write allows it'
    >>> why_off("workers('add_producer')", ViewModel()) is None
    True
    """
    key = next((key for key in view.keys if key.action == action), None)
    if key is None:
        return None
    if view.served and key.stays_here:
        return not_in_browser(key.shown)
    if view.replay and key.changes:
        return _("{key} changes something, and what a recording shows is over").format(
            key=key.shown
        )
    if view.held and (key.changes or key.needs == LIVE):
        return _("{key}: the programs of a schedule are held, and take its steps alone").format(
            key=key.shown
        )
    if view.read_only and key.changes:
        return _(
            "{key} changes something, and this dashboard is read-only: "
            "shmtui attach {target} --write allows it"
        ).format(key=key.shown, target=target(view.snapshot))
    if view.no_workers and key.for_workers:
        why = _("no worker can join here: {why}").format(why=view.no_workers)
        return f"{key.shown}: {why}"
    return _(_WHY_MISSING[key.needs]).format(key=key.shown) if key.needs in view.missing else None
