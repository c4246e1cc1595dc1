"""README and CHANGELOG: links lead somewhere, also from an index, and the version has its section."""

import re
from pathlib import Path

import click
import pytest

from shmtui import __version__
from shmtui.cli.main import main
from shmtui.cli.translation import COMMANDS
from shmtui.packaging.metadata_hook import addresses, index_text

ROOT = Path(__file__).parent.parent.parent
_RELATIVE = re.compile(r"\]\((?!https?:|#)([^)]+)\)")


def test_the_readme_names_options_that_exist() -> None:
    """In every line that runs a command of this version."""
    top = click.Context(main)
    lines = re.findall(r"^shmtui (\w+) ([^#\n]*)", (ROOT / "README.md").read_text(), re.MULTILINE)
    known = [(name, rest) for name, rest in lines if name in COMMANDS]
    assert len(known) > 10
    for name, rest in known:
        command = main.get_command(top, name)
        assert command is not None
        there = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest.split() if word.startswith("-")} <= there, (name, rest)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(name: str) -> None:
    """Every relative one."""
    links = _RELATIVE.findall((ROOT / name).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("home", ["", "https://example.org/shmtui"])
def test_an_index_shows_no_relative_link(home: str) -> None:
    """Pictures and links are absolute, or gone where the project has no home to lead to."""
    text = index_text((ROOT / "README.md").read_text(), home)
    assert not _RELATIVE.findall(text)
    assert ("pictures:" in text) is ("![" in text) is bool(home)
    assert all(address.startswith(home) for address in addresses(home).values())
    assert bool(addresses(home)) is bool(home)


def test_the_version_has_its_section() -> None:
    """With the day of its release."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    dated = re.compile(rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d")
    assert any(dated.fullmatch(heading) for heading in headings)
