"""The two themes of our own, and which theme a terminal starts with."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from textual.app import App
from textual.theme import Theme

from shmtui.i18n import _
from shmtui.tui.configuration import KEPT_THEME, Configuration, keep, require_known

DARK = Theme(
    name="shmtui-dark",
    primary="#8ab0f8",
    secondary="#74c7ec",
    accent="#cba6f7",
    success="#a6da95",
    warning="#eed49f",
    error="#f38ba8",
    foreground="#d6dcf2",
    background="#1d1f2e",
    surface="#232638",
    panel="#34384f",
    dark=True,
    variables={
        "footer-key-foreground": "#f5bde6",
        "block-cursor-background": "#cba6f7",
        "block-cursor-foreground": "#1d1f2e",
        "border": "#cba6f7",
    },
)

LIGHT = Theme(
    name="shmtui-light",
    primary="#1e5fbf",
    secondary="#157a96",
    accent="#7a3fb8",
    success="#2c7a2c",
    warning="#9a5b00",
    error="#b8243f",
    foreground="#33384a",
    background="#f7f6f2",
    surface="#efede6",
    panel="#dfdcd1",
    dark=False,
    variables={
        "footer-key-foreground": "#a3267f",
        "block-cursor-background": "#7a3fb8",
        "block-cursor-foreground": "#ffffff",
        "border": "#7a3fb8",
    },
)

_GREYS: dict[str, dict[str, Any]] = {
    DARK.name: {"background": "#1c1c1c", "surface": "#262626", "panel": "#3a3a3a"},
    LIGHT.name: {"background": "#eeeeee", "surface": "#e4e4e4", "panel": "#d0d0d0"},
}
"""Backgrounds out of the greys of the 256 colours (xterm). Ours would be rounded to navy there."""

PLAIN = "ansi-dark"
"""Textual's theme in the terminal's own sixteen colours."""


def starting_theme(environ: Mapping[str, str], colours: str | None, *wanted: str) -> str:
    """The theme for a terminal with this environment and this many colours: the environment's, else
    the first of ``wanted`` that is not empty, else ours.

    NO_COLOR needs the plain theme: from any other, Textual makes greys, which
    are colours too. With sixteen colours ours would be rounded to what is nearest.

    >>> starting_theme({}, "truecolor"), starting_theme({"NO_COLOR": "1"}, "truecolor")
    ('shmtui-dark', 'ansi-dark')
    >>> starting_theme({}, "standard"), starting_theme({"TEXTUAL_THEME": "nord"}, "truecolor")
    ('ansi-dark', 'nord')
    >>> starting_theme({}, "truecolor", "", "dracula")
    'dracula'
    """
    if "NO_COLOR" in environ or colours in {None, "standard"}:
        return PLAIN
    return next(filter(None, (environ.get("TEXTUAL_THEME"), *wanted)), DARK.name)


def adopt_theme(app: App[Any], colours: str | None, configuration: Configuration) -> None:
    """Have an app that does not run yet start in the right theme for the terminal's number of colours.

    Setting ``theme`` parses every style sheet a second time, also before it runs: so its watcher is
    passed over where all that it does otherwise are classes. ShmtuiError: the configuration names a
    theme that there is not.
    """
    for theme in (DARK, LIGHT):
        greys = _GREYS[theme.name] if colours == "256" else {}
        app.register_theme(replace(theme, **greys))
    require_known(configuration.theme, app.available_themes, "theme", configuration.path)
    wanted = starting_theme(os.environ, colours, configuration.theme, configuration.kept_theme)
    chosen = app.get_theme(wanted) or DARK
    if chosen.ansi:
        app.theme = chosen.name  # It changes a filter of colours, too.
    else:
        app.set_reactive(App.theme, chosen.name)
        app.set_class(True, f"-theme-{chosen.name}", update=False)
        app.set_class(chosen.dark, "-dark-mode", update=False)
        app.set_class(not chosen.dark, "-light-mode", update=False)
    app.stylesheet.set_variables(app.get_css_variables())


def keep_theme(name: str, configured: str) -> str:
    """Keep a theme that was chosen for the next time; returns why it will not be there then, empty
    where it will.
    """
    if configured:
        text = _("the configuration names {theme}: that will be there the next time")
        return text.format(theme=configured) if name != configured else ""
    return keep(KEPT_THEME, name)
