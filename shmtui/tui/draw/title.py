"""The title line: the segment, its status, and the refresh rate. Pure."""

from shmtui.i18n import _
from shmtui.shm.segment_info import LayoutSource
from shmtui.tui.formatting import format_bytes, format_count, format_uptime
from shmtui.tui.spans import Line, line, width_of
from shmtui.tui.view_model import ViewModel

_GLYPHS = {"good": "pip", "warn": "up", "bad": "no", "consumer": "no_pip"}


def title_line(view: ViewModel, width: int) -> Line:
    """One line of exactly ``width`` cells; the least useful facts are left out first."""
    glyphs, status = view.glyphs, view.status_word
    glyph = getattr(glyphs, _GLYPHS.get(status.style, "dot"))
    state = line((f"{glyph} ", status.style), status, " ")
    brand = line((" shmtui ", "brand"))
    facts = _facts(view, width)
    uptime = view.snapshot.uptime
    times = [_rate(view)] if _rate(view) else []
    if uptime is not None:
        times.append(_("up {uptime}").format(uptime=format_uptime(uptime)))
    ends = [line("  ", (text, "muted"), " ") for text in times]
    # In the order of their worth.
    kept = facts.copy()
    kept.insert(min(3, len(kept)), brand)
    for at, part in enumerate(ends):
        kept.insert(min(len(kept), 5 + 2 * at), part)
    while kept and sum(width_of(part) for part in (state, *kept)) + 1 > width:
        kept.pop()
    left = [span for part in (brand, *facts) if part in kept for span in part]
    right = [*state, *(span for part in ends if part in kept for span in part)]
    room = width - width_of(right)
    if room < 1:
        return glyphs.fit_line(state, width)
    return (*glyphs.fit_line(tuple(left), room), *right)


def _rate(view: ViewModel) -> str:
    """How often the screen is made anew, as it is now; empty where it is frozen."""
    if view.frozen:
        return ""
    if view.rest_hz is None:
        return f"{view.refresh_hz:g} Hz"
    return _("at rest, {hz:g} Hz").format(hz=view.rest_hz)


def _facts(view: ViewModel, width: int) -> list[Line]:
    glyphs, segment, layout = view.glyphs, view.snapshot.segment, view.snapshot.layout
    facts: list[Line] = []
    if segment.name:
        name = glyphs.clip(glyphs.inert(segment.name), max(8, width // 3))
        facts.append(line("  ", (name, "strong")))
    if view.frozen:
        more = f"{glyphs.dot} {_('z thaws, workers go on')} "
        # The hint goes before it crowds the banner itself out.
        more = more if 3 * len(more) <= width + 3 else ""
        facts.append(line(" ", (f" {_('FROZEN')} {more}", "banner")))
    if view.recording:
        facts.append(line("  ", (f"{glyphs.pip} {_('REC')}", "bad")))
    if view.held:
        facts.append(line("  ", (_("schedule"), "accent")))
    elif view.read_only:
        facts.append(line("  ", (_("read-only"), "warn")))
    if segment.replaced or segment.unlinked:
        mark = (_("replaced"), "bad") if segment.replaced else (_("unlinked"), "warn")
        facts.append(line("  ", mark))
    if not segment.name:
        return facts
    about = [format_bytes(segment.size), f"{segment.mode:04o}", f"inode {segment.inode}"]
    if segment.size_mapped:
        about = [f"{glyphs.about} {about[0]}", about[2]]
    if layout.slots > 0:
        inferred = layout.source is LayoutSource.INFERRED
        guess = _("(inferred)") if inferred else _("(likely)") if layout.assumed else ""
        kind = f"{glyphs.times} {glyphs.inert(layout.item_type)} {guess}".rstrip()
        about.insert(0, f"{format_count(layout.slots)} {kind}")
    gaps = ["  ", *[f" {glyphs.dot} "] * len(about)]
    return facts + [line((gap + text, "muted")) for gap, text in zip(gaps, about, strict=False)]
