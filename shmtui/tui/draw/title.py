"""The title line: the segment, its status, and the refresh rate. Pure."""

from shmtui.i18n import _
from shmtui.sanitize import inert
from shmtui.snapshot import LayoutSource
from shmtui.tui.cell_text import clip
from shmtui.tui.formatting import format_bytes, format_count, format_uptime
from shmtui.tui.spans import Line, Span, clip_line, fit_line, line, spread, width_of
from shmtui.tui.view_model import ViewModel

_GLYPHS = {"good": "pip", "warn": "up", "bad": "no", "consumer": "no_pip"}


def title_line(view: ViewModel, width: int) -> Line:
    """One line of exactly ``width`` cells; the least useful facts are left out first."""
    if width <= 0:
        return ()
    glyphs = view.glyphs
    left = [line((" shmtui ", "brand"))]
    name = inert(view.snapshot.segment.name, glyphs.ascii_only)
    if name:
        left.append(line("  ", (clip(name, max(8, width // 3), glyphs.ellipsis), "strong")))
    state = line(*_status_word(view), " ")
    right = [state, *(line("  ", (fact, "muted"), " ") for fact in _times(view))]
    left += [line(" ", mark) for mark in _marks(view, width)]
    left += [
        line(("  " if at == 0 else f" {glyphs.dot} ", "muted"), (fact, "muted"))
        for at, fact in enumerate(_facts(view))
    ]
    order = _keep(left, right)
    while order and _taken(left, right) > width:
        side, part = order.pop()
        side.remove(part)
    flat_left = line(*(span for part in left for span in part))
    flat_right = line(*(span for part in right for span in part))
    if _taken(left, right) > width:
        return fit_line(clip_line(state, width, glyphs.ellipsis), width, glyphs.ellipsis)
    return spread(flat_left, flat_right, width, glyphs.ellipsis)


def _keep(left: list[Line], right: list[Line]) -> list[tuple[list[Line], Line]]:
    """Parts in the order of their worth; the status is always kept."""
    brand, *facts = left
    times = right[1:]
    ordered = [(left, part) for part in facts]
    ordered.insert(min(3, len(ordered)), (left, brand))
    for at, part in enumerate(times):
        ordered.insert(min(len(ordered), 5 + 2 * at), (right, part))
    return ordered


def _taken(left: list[Line], right: list[Line]) -> int:
    return sum(width_of(part) for part in (*left, *right)) + 1


def _status_word(view: ViewModel) -> tuple[Span, Span]:
    style = view.status_word.style
    glyph = getattr(view.glyphs, _GLYPHS.get(style, "dot"))
    return Span(f"{glyph} ", style), Span(view.status_word.word, style)


def _marks(view: ViewModel, width: int) -> list[Span]:
    """Marks that must not be overlooked: frozen, read-only, replaced, unlinked."""
    marks = []
    if view.frozen:
        more = f"{view.glyphs.dot} {_('z thaws, workers go on')} "
        # The hint goes before it crowds the banner itself out.
        more = more if 3 * len(more) <= width + 3 else ""
        marks.append(Span(f" {_('FROZEN')} {more}", "banner"))
    if view.read_only:
        marks.append(Span(" " + _("read-only"), "warn"))
    segment = view.snapshot.segment
    if segment.replaced:
        marks.append(Span(" " + _("replaced"), "bad"))
    elif segment.unlinked:
        marks.append(Span(" " + _("unlinked"), "warn"))
    return marks


def _facts(view: ViewModel) -> list[str]:
    segment, layout = view.snapshot.segment, view.snapshot.layout
    if not segment.name:
        return []
    ascii_only = view.glyphs.ascii_only
    facts = [f"inode {segment.inode}", f"{segment.mode:04o}", format_bytes(segment.size)]
    if layout.slots > 0:
        kind = inert(layout.item_type, ascii_only)
        inferred = layout.source is LayoutSource.INFERRED
        guess = _("(inferred)") if inferred else _("(likely)") if layout.assumed else ""
        facts.append(f"{format_count(layout.slots)} {view.glyphs.times} {kind} {guess}".rstrip())
    return facts[::-1]


def _times(view: ViewModel) -> list[str]:
    times = [f"{view.refresh_hz:g} Hz"]
    if view.snapshot.uptime is not None:
        times.append(_("up {uptime}").format(uptime=format_uptime(view.snapshot.uptime)))
    return times
