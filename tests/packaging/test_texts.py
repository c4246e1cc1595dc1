"""README and CHANGELOG: links lead somewhere, also from an index, and the version has its section."""

import re
from pathlib import Path

import pytest

from shmtui import __version__
from shmtui.packaging.metadata_hook import addresses, index_text

ROOT = Path(__file__).parent.parent.parent
_RELATIVE = re.compile(r"\]\((?!https?:|#)([^)]+)\)")


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
    assert all(address.startswith(home) for address in addresses(home).values())
    assert bool(addresses(home)) is bool(home)


def test_the_version_has_its_section() -> None:
    """With the day of its release."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    dated = re.compile(rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d")
    assert any(dated.fullmatch(heading) for heading in headings)
