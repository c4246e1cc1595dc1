"""The private names of Textual that are used: they are there, and only one module has them.

When one of these fails with a newer Textual, read that version again, mend
``shmtui/tui/textual_private.py``, and write the version there.
"""

import ast
import gc
import importlib
import inspect
import queue
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual._compositor import ChopsUpdate, Compositor
from textual._styles_cache import StylesCache
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.command import CommandList, CommandPalette
from textual.drivers.linux_driver import LinuxDriver
from textual.events import MouseDown
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

import shmtui.tui
from shmtui.tui import textual_private
from shmtui.tui.screens.graph import GraphScreen
from shmtui.tui.widgets.moving_panels import TextPanel
from tests.conftest import MakeBuffer
from tests.tui.dashboards import drawing, running
from tests.waiting import until

ROOM = Path(shmtui.tui.__file__).parent
MODULES = sorted(path.relative_to(ROOM.parent.parent) for path in ROOM.rglob("*.py"))
FRAMEWORK = (App, Screen, Widget)


@cache
def assigned(kind: type) -> set[str]:
    """The attributes that the methods of a class and of its bases set on ``self``."""
    found = set()
    for base in kind.__mro__:
        if base.__module__.startswith("textual"):
            for node in ast.walk(class_of(base)):
                if isinstance(node, ast.Attribute) and _is_self(node.value):
                    found.add(node.attr)
    return found


def class_of(kind: type) -> ast.ClassDef:
    """Its source. inspect.getsource() takes ten times as long."""
    for node in ast.walk(parsed(inspect.getfile(kind))):
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
            return node
    raise AssertionError(kind)


@cache
def parsed(path: str) -> ast.Module:
    """A module of Textual's."""
    return ast.parse(Path(path).read_text())


def _is_self(node: ast.expr) -> bool:
    """Whether it is ``self`` or ``super()``."""
    own = node.func if isinstance(node, ast.Call) else node
    return isinstance(own, ast.Name) and own.id in {"self", "super"}


def private(name: str) -> bool:
    """Whether a name is private."""
    return name.startswith("_") and not name.startswith("__")


def used(path: Path, textuals_own: set[str]) -> Iterator[str]:
    """The private names of others that a module uses, and those of Textual that it takes."""
    tree = ast.parse((ROOM.parent.parent / path).read_text())
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr) and node.attr != "_replace":
            if not _is_self(node.value):
                yield f"{path}:{node.lineno}: {node.attr}"
            elif node.attr in textuals_own:
                yield f"{path}:{node.lineno}: self.{node.attr}"
    for node in (part for each in classes for part in each.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in textuals_own:
            yield f"{path}:{node.lineno}: def {node.name}"


def test_private_names_stand_in_one_module() -> None:
    """And no class of ours takes a name that Textual keeps for itself."""
    textuals_own = {
        name for kind in FRAMEWORK for name in {*dir(kind), *assigned(kind)} if private(name)
    }
    others = (path for path in MODULES if path.name != "textual_private.py")
    assert not [name for path in others for name in used(path, textuals_own)]


def test_the_names_are_there() -> None:
    """Where Textual was read; another version has to be read again."""
    assert "_compositor" in assigned(Screen)
    assert "_dirty_widgets" in assigned(Screen)
    assert callable(Screen._compositor_refresh)
    assert list(inspect.signature(Compositor.update_widgets).parameters) == ["self", "widgets"]
    assert "regions" in inspect.signature(Widget._set_dirty).parameters
    assert "_batch_count" in assigned(App)
    assert "_driver" in assigned(App)
    assert hasattr(CommandPalette, "_GATHER_COMMANDS_GROUP")
    assert "_writer_thread" in assigned(LinuxDriver)
    assert "_debug" in assigned(LinuxDriver)
    assert callable(LinuxDriver.run_input_thread)
    assert "_timeout_time" in assigned(XTermParser)
    assert list(inspect.signature(App._handle_exception).parameters) == ["self", "error"]
    assert list(inspect.signature(App._display).parameters) == ["self", "screen", "renderable"]
    assert "_background_screens" in dir(App)
    assert list(inspect.signature(ChopsUpdate).parameters) == ["chops", "spans", "chop_ends"]
    assert list(inspect.signature(CommandPalette._action_command_list).parameters) == [
        "self",
        "action",
    ]


def test_the_terminal_has_the_queue() -> None:
    """It is the thread's, and holds so many frames that a stalled terminal is noticed before."""
    writer: Any = importlib.import_module("textual.drivers._writer_thread").WriterThread
    frames = writer(None)._queue
    assert isinstance(frames, queue.Queue)
    assert frames.maxsize == 30


def test_the_version_that_was_read_is_named() -> None:
    """The note for whoever comes with a newer Textual."""
    assert textual_private.READ_IN in (textual_private.__doc__ or "")


async def test_a_look_that_ends_while_its_dialog_closes(make_buffer: MakeBuffer) -> None:
    """Textual takes the panel out of a dialog before the dialog: what was found meanwhile is drawn nowhere."""
    with running(make_buffer()) as run:
        async with run.app.run_test(size=(100, 40)) as pilot:
            await pilot.press("w")
            await until(lambda: isinstance(run.app.screen, GraphScreen), "it is open")
            graph = run.app.screen
            assert isinstance(graph, GraphScreen)
            await graph.query_one(TextPanel).remove()
            assert graph.is_attached
            graph.show_anew()
            await pilot.press("escape")
            await until(lambda: len(run.app.screen_stack) == 1, "it is closed")


async def test_what_is_closed_is_let_go(make_buffer: MakeBuffer) -> None:
    """Palette, help and list: however often they were open, no more is held than after the first time."""
    with running(make_buffer()) as run:
        async with run.app.run_test(size=(100, 40)) as pilot:

            async def held() -> int:
                for key in ("ctrl+p", "question_mark"):
                    await pilot.press(key)
                    await until(lambda: len(run.app.screen_stack) == 2, "it is open")
                    await pilot.pause()
                    await pilot.press("escape")
                    await until(lambda: len(run.app.screen_stack) == 1, "it is closed")
                await pilot.pause()
                gc.collect()
                return sum(type(each) is StylesCache for each in gc.get_objects())

            for number in range(1000):
                Region(0, 0, number, 1).intersection(Region(1, 1, 1, 1))
            await held()
            assert Region.intersection.cache_info().currsize < 1000
            before = await held()
            for _time in range(3):
                after = await held()
            assert after <= before


@pytest.mark.parametrize(("text", "ends"), [("quit", True), ("zzz", False)])
async def test_enter_carries_out_what_was_typed_before_it(text: str, ends: bool) -> None:
    """Also where text and key come at once, and the list still shows all commands: none, where none has the text."""
    app = drawing()
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("ctrl+p")
        await until(lambda: app.screen.has_class("-ready"), "all commands are listed")
        palette = app.screen
        for typed in text:
            app.post_message(events.Key(typed, typed))
        app.post_message(events.Key("enter", None))
        await until(lambda: app.leaving or palette.query_one(CommandList).option_count == 0, "done")
        await pilot.pause()
        assert app.leaving == ends
        assert ends or app.screen is palette


async def test_a_click_on_what_has_just_been_closed() -> None:
    """It is still where it was painted, and has no parent any more."""
    app = drawing()
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("ctrl+p")
        await until(lambda: isinstance(app.screen, CommandPalette), "it is open")
        typed = app.screen.query_one(Input)
        await until(lambda: typed.region.width > 0, "it is painted")
        x, y = typed.region.offset
        await typed.remove()
        assert app.screen.get_widget_at(x, y)[0].parent is None
        mouse = MouseDown(None, x, y, 0, 0, 1, shift=False, meta=False, ctrl=False)
        app.screen._forward_event(mouse)
