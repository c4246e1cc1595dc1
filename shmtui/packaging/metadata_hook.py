"""The metadata hook of hatch: the README as a package index shows it, and the project's addresses.

An index shows the README away from its repository, so a relative link leads nowhere there. All of
it follows from ``home`` in pyproject.toml, the address of the repository. Where that is empty, the
text has no pictures, no paragraphs about them and no relative links, and the package names no address.
"""

import re
from pathlib import Path
from typing import Any, Final

from hatchling.metadata.plugin.interface import MetadataHookInterface

_SHOWS: Final = re.compile(r"\]\((?!https?:)[^()\s]+\.(?:png|svg)\)")
"""A picture of the repository, shown or linked to."""
_LINK: Final = re.compile(r"(?P<picture>!?)\[(?P<text>[^][]*)\]\((?P<path>(?!https?:|#)[^()\s]+)\)")


class IndexMetadata(MetadataHookInterface):
    """Gives ``readme`` and ``urls``."""

    def update(self, metadata: dict[str, Any]) -> None:
        home = self.config["home"]
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": index_text(text, home)}
        metadata["urls"] = addresses(home)


def index_text(readme: str, home: str) -> str:
    r"""The README with absolute links. Where ``home`` is empty it has no relative ones, and no paragraph
    that leads to a picture.

    >>> index_text("![A ring](a.png) [more](b.md)", "https://example.org/x")
    '![A ring](https://example.org/x/raw/HEAD/a.png) [more](https://example.org/x/blob/HEAD/b.md)'
    >>> index_text("![A ring](a.png)\n\nSee [more](b.md).\n\nPictures: [a ring](a.png).", "")
    'See more.'
    """
    if not home:
        paragraphs = (each for each in readme.split("\n\n") if not _SHOWS.search(each))
        return _LINK.sub(r"\g<text>", "\n\n".join(paragraphs))

    def absolute(found: re.Match[str]) -> str:
        picture, text, path = found["picture"], found["text"], found["path"]
        return f"{picture}[{text}]({home}/{'raw' if picture else 'blob'}/HEAD/{path})"

    return _LINK.sub(absolute, readme)


def addresses(home: str) -> dict[str, str]:
    """The project's addresses, empty where ``home`` is."""
    if not home:
        return {}
    return {
        "Homepage": home,
        "Changelog": f"{home}/blob/HEAD/CHANGELOG.md",
        "Issues": f"{home}/issues",
    }
