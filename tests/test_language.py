"""The catalogue is whole, and what is shown is in the language that was asked for."""

import ast
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from shmtui.cli.translation import COMMANDS
from shmtui.i18n import language_of
from shmtui.shm.protocol import role_words
from shmtui.shm.segment import create_segment, unlink_segment
from tests import catalogue
from tests.program import run_shmtui
from tests.terminal import Terminal

SOURCES = sorted(catalogue.PACKAGE.rglob("*.py"))
ADVICE = "python -m tests.catalogue brings the catalogue up to date; then translate what is new"


@pytest.fixture(scope="module", params=catalogue.TRANSLATED)
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def texts(code: str) -> Catalog:
    return catalogue.read(code)


# -- the files ------------------------------------------------------------------------------------


def test_every_text_of_the_source_is_in_the_catalogue_and_no_other(texts: Catalog) -> None:
    """Whoever writes a text writes its translation."""
    wanted = {m.id for m in catalogue.template() if m.id}
    there = {m.id for m in texts if m.id}
    assert wanted - there == set(), ADVICE
    assert there - wanted == set(), ADVICE


def test_every_text_is_translated_and_by_no_guess(texts: Catalog) -> None:
    """No text is empty, no form of the plural is missing, nothing is marked as unsure."""
    assert [m.id for m in texts if m.id and not all(catalogue.translations(m))] == []
    assert [m.id for m in texts if m.id and m.fuzzy] == []
    assert [m.id for m in texts if m.pluralizable and len(catalogue.translations(m)) != 2] == []


def test_the_compiled_catalogue_is_the_written_one(code: str, texts: Catalog) -> None:
    """What is read is what translators wrote; nothing is compiled at installation."""
    assert catalogue.path(code, "mo").read_bytes() == catalogue.compiled(texts), ADVICE


_IN_A_WORD = re.compile(r"\}[^\W\d_]{2}")


def fields(text: str) -> list[tuple[str, str | None, str | None]]:
    """The placeholders of a text: name, format and conversion; one that speaks of '{' has none."""
    if "'{'" in text:
        return []
    parsed = string.Formatter().parse(text)
    return sorted((name, spec, how) for _text, name, spec, how in parsed if name is not None)


def test_a_translation_has_the_placeholders_and_edges_of_its_text(texts: Catalog) -> None:
    """Nothing is lost and nothing fails to be filled in; what is joined to it still fits."""
    for message in texts:
        if not message.id:
            continue
        one, several = (message.id, message.id) if isinstance(message.id, str) else message.id
        for at, translation in enumerate(catalogue.translations(message)):
            text = one if at == 0 else several
            assert fields(translation) == fields(text), text
            for edge in (0, -1):
                assert translation[edge].isspace() == text[edge].isspace(), text
            assert ("\b" in translation) == ("\b" in text), text
            # A placeholder in the middle of a word came there by a replacement that hit too much.
            assert bool(_IN_A_WORD.search(translation)) <= bool(_IN_A_WORD.search(text)), text


# -- the source -----------------------------------------------------------------------------------


def marked(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls that hand a text to the catalogue."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in catalogue.KEYWORDS:
            assert isinstance(node, ast.Call)
            yield node


def test_texts_are_constants_and_are_filled_with_what_they_name() -> None:
    """A text made by an f-string is in no catalogue; a field that is not given ends in a traceback."""
    for file in SOURCES:
        proper_texts(file)


def proper_texts(file: Path) -> None:
    """AssertionError where a text of a file is not."""
    tree = ast.parse(file.read_text())
    for call in marked(tree):
        made = any(isinstance(arg, ast.JoinedStr | ast.BinOp) for arg in call.args)
        assert not made, f"{file}:{call.lineno}"
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "format"
            and node.func.value in set(marked(node))
            and isinstance(node.func.value, ast.Call)
        ):
            given = {keyword.arg for keyword in node.keywords}
            # What the program calls the three roles is given as a whole.
            own = set(role_words()) if None in given else set()
            for arg in node.func.value.args:
                if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                    named = {name for name, *_ in fields(arg.value)}
                    assert named - own == given - {None}, f"{file}:{node.lineno}"
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            names = {n.id for n in _stored(function)}
            assert "_" not in names or not any(marked(function)), (
                f"{file}: {function.name} stores _"
            )


def _stored(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.Name]:
    """Names that a function binds, but for those of comprehensions, which are their own."""
    own: set[int] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            own |= {id(name) for part in node.generators for name in ast.walk(part.target)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in own:
            yield node


# -- what is shown --------------------------------------------------------------------------------

ENGLISH = re.compile(
    r"\b(the|of|is|are|and|it|its|to|with|by|not|at|that|this|from|nothing|waiting|your|all|"
    r"blocked|running|pacing|items|events?|processes|unknown|key|closes|produced|consumed)\b",
    re.IGNORECASE,
)
"""Words that no Portuguese text has, and hardly an English one does without."""


def english(text: str) -> list[str]:
    """The lines with English in them; names of segments, codes and steps are no language, and a word
    that was cut may look like one.
    """
    plain = re.sub(
        r"\w+…|name\|kind\|\S+|/shmtui-test\S*|items-lost|die-at=\S+|--\S+|skip-post\S*|no-mutex",
        "",
        text,
    )
    return [line.strip() for line in plain.splitlines() if ENGLISH.search(line)]


def shows(words: str, not_shown: str = "") -> Callable[[str], bool]:
    """Whether a screen has one of ``words``, and none of the others."""
    return lambda text: (
        any(word in text for word in words.split("|"))
        and not (not_shown and any(word in text for word in not_shown.split("|")))
    )


ABOVE = "esc fecha|esc volta|Procurar|CONGELADO"
"""What only dialogues and banners say."""


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (50, 20)])
def test_the_dashboard_has_no_word_of_english(name: str, columns: int, rows: int) -> None:
    """Panels, help, dialogues, palette and events, wide and narrow."""
    arguments = ("run", name, "--lang", "pt", "--produce-rate", "5")
    with Terminal(*arguments, columns=columns, rows=rows) as terminal:
        terminal.wait_for("produtores (1)")
        terminal.wait_for("saudável")
        assert english(terminal.text) == []
        for key, shown, closed_by in (
            ("?", "Acrescentar um produtor", "q"),
            ("x", "enter inicia", "q"),
            ("r", "nenhum problema", "q"),
            ("o", "esc fecha", "escape"),
            ("v", "esc fecha", "q"),
            ("ctrl+p", "Procurar comandos", "escape"),
            ("z", "CONGELADO", "z"),
        ):
            terminal.press(key)
            assert english(terminal.wait_for(shows(shown), shown)) == []
            terminal.press(closed_by)
            # A key right behind an escape would be taken for its second half.
            terminal.wait_for(shows("Sair", not_shown=ABOVE), f"{shown} goes")
        terminal.press("down", "enter")
        assert english(terminal.wait_for("comando")) == []
        terminal.press("q")
        terminal.wait_for(lambda text: "comando" not in text)
        terminal.press("q")
        assert terminal.wait() == 0


def test_findings_and_repair_speak_it_too(name: str) -> None:
    """Claim, evidence, remedy and plan."""
    create_segment(name, 128)
    done = run_shmtui("check", name, "--slots", "5", "--lang", "pt")
    assert done.returncode == 1
    assert "never-initialised" in done.stdout
    assert "sem_init" in done.stdout
    assert english(done.stdout) == []
    plan = run_shmtui("repair", name, "--slots", "5", "--permits", "--lang=pt")
    unlink_segment(name)
    assert "O que está errado" in plan.stdout
    assert english(plan.stdout) == []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_speaks_it(command: str) -> None:
    """By option in either place, by the environment, by the locale; click's own words too."""
    said = {
        run_shmtui(*words, env=env).stdout
        for words, env in (
            (["--lang", "pt", *command.split(), "--help"], {}),
            ([*command.split(), "--lang=pt", "--help"], {}),
            ([*command.split(), "--help"], {"SHMTUI_LANG": "pt"}),
            ([*command.split(), "--help"], {"SHMTUI_LANG": "", "LC_ALL": "pt_BR.UTF-8"}),
        )
    }
    assert len(said) == 1
    text = said.pop()
    assert text.startswith(f"Uso: shmtui {command}".rstrip())
    assert "Mostra esta mensagem e sai." in text
    assert english(text.replace("[OPTIONS]", "")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--slots", "x"), "Valor inválido para '--slots'"),
        (("run", "--nope"), "Não existe a opção '--nope'"),
        (("nope",), "Não existe o comando 'nope'"),
        (("stat",), "Falta o argumento 'NAME'"),
        (("stat", "/a", "/b"), "Argumento a mais"),
        (("run", "--slots"), "A opção '--slots' exige um argumento"),
        (("run", "--keep=1"), "A opção '--keep' não recebe valor"),
        (("completion", "tcsh"), "'tcsh' não é um destes"),
        (("attach", "--refresh", "900"), "taxa de quadros"),
        (("stat", "/shmtui-test-none"), "não existe"),
        (("grade", "--class", "/shmtui-test-none"), "'/shmtui-test-none' não existe"),
    ],
)
def test_a_refusal_speaks_it(arguments: tuple[str, ...], said: str) -> None:
    """One line, and all of it."""
    done = run_shmtui(*arguments, env={"SHMTUI_LANG": "pt"})
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert english(done.stderr) == []


def test_no_such_language() -> None:
    """The ones that there are, and nothing is done."""
    done = run_shmtui("--lang", "xx", "ls")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'en', 'pt'" in done.stderr


def test_the_option_goes_before_the_environment_and_that_before_the_locale() -> None:
    """Who says it most plainly is heard."""
    env = {"SHMTUI_LANG": "en", "LC_ALL": "pt_BR.UTF-8"}
    assert run_shmtui("--help", env=env).stdout.startswith("Usage")
    assert run_shmtui("--help", "--lang", "pt", env=env).stdout.startswith("Uso")


def test_a_language_that_there_is_none_of_is_english() -> None:
    """And so is no locale at all."""
    assert language_of({"LANG": "de_DE.UTF-8"}) == "en"
    assert language_of({"LANG": "C", "LANGUAGE": "pt"}) == "en"
    assert language_of({"LANG": "en_US.UTF-8", "LANGUAGE": "pt_BR:en"}) == "pt"
    assert language_of({}) == "en"


def test_an_ascii_terminal_gets_it_without_accents(name: str) -> None:
    """No character that it cannot draw, and none that stands for one."""
    with Terminal("run", name, "--ascii", "--lang", "pt") as terminal:
        text = terminal.wait_for("saudavel")
        assert text.isascii()
        assert "Vazao" in text
        assert "Semaforos" in text
        terminal.press("q")
        assert terminal.wait() == 0
