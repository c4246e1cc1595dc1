"""Bindings of panels and dialogs by the identifiers of their keys, which Textual's keymap rebinds."""

from textual.binding import Binding

from shmtui.tui.other_keys import BY_ID


def binding(key_id: str, action: str, *, letters: bool | None = None) -> Binding:
    """The binding of a key of `shmtui.tui.other_keys`; ``letters``: only its keys that are letters,
    or only the others.
    """
    keys = BY_ID[key_id].keys.split(",")
    if letters is not None:
        keys = [key for key in keys if (len(key) == 1) is letters]
    return Binding(",".join(keys), action, show=False, id=key_id)
