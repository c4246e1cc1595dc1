"""The build hook of hatch: a wheel has the man pages and the completions under ``share/``."""

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPLETIONS: Final = {
    "bash": "share/bash-completion/completions/shmtui",
    "zsh": "share/zsh/site-functions/_shmtui",
    "fish": "share/fish/vendor_completions.d/shmtui.fish",
}
"""Where each shell looks for scripts that packages bring."""


class BuildHook(BuildHookInterface[Any]):
    """Writes the files to a folder of their own for as long as the build takes."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version
        self._folder = tempfile.TemporaryDirectory(prefix="shmtui-build-")
        for at, (name, text) in enumerate(sorted(self._texts().items())):
            path = Path(self._folder.name) / str(at)
            path.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(path)] = name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        del version, build_data, artifact_path
        self._folder.cleanup()

    def _texts(self) -> dict[str, str]:
        """The files of a wheel, by their place in it. The tree that is built need not be installed."""
        sys.path.insert(0, self.root)
        try:
            from shmtui.cli.completion import script  # noqa: PLC0415
            from shmtui.packaging.man_pages import pages  # noqa: PLC0415
        finally:
            sys.path.remove(self.root)
        return {f"share/man/man1/{name}": text for name, text in pages().items()} | {
            name: script(shell) for shell, name in COMPLETIONS.items()
        }
