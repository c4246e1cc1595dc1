"""The built wheel, installed into an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from shmtui import __version__
from shmtui.cli.translation import COMMANDS
from shmtui.packaging.build_hook import COMPLETIONS

ROOT = Path(__file__).parent.parent.parent


def output(*command: str | Path, cwd: Path) -> str:
    """What a command prints, away from this source tree's own environment."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(folder: Path) -> Path:
    """Build the wheel and install it; returns its environment. Dependencies are those of this one:
    nothing is fetched.
    """
    output(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    home = folder / "home"
    output(sys.executable, "-m", "venv", "--without-pip", home, cwd=folder)
    base = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=base))
    dependencies = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    (packages / "dependencies.pth").write_text("\n".join(dependencies))
    output(
        *(sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--quiet"),
        *("--no-deps", "--no-index", "--no-compile", "--ignore-installed", wheel),
        cwd=folder,
    )
    return home


def test_an_installed_wheel_is_whole(tmp_path: Path) -> None:
    """Program, types, Portuguese, man pages and completions are there, the latter where man and the
    shells look for them.
    """
    pytest.importorskip("pip", reason="this environment has no pip, which installs the wheel")
    home = install(tmp_path)
    program, share = home / "bin" / "shmtui", home / "share"
    assert __version__ in output(program, "--version", cwd=home)
    assert "Opções" in output(program, "--lang", "pt", "--help", cwd=home)

    where = "import shmtui; print(shmtui.__file__)"
    package = Path(output(home / "bin" / "python", "-c", where, cwd=home).strip()).parent
    assert package.is_relative_to(home)
    assert (package / "py.typed").exists()
    assert not (package / "packaging").exists()

    pages = {path.name for path in (share / "man" / "man1").iterdir()}
    assert pages == {"shmtui.1", *(f"shmtui-{name}.1" for name in COMMANDS)}
    if shutil.which("man") is not None:
        found = output("man", "-M", share / "man", "-w", "shmtui-check", cwd=home)
        assert Path(found.strip()) == share / "man" / "man1" / "shmtui-check.1"

    for shell, place in COMPLETIONS.items():
        printed = output(program, "completion", shell, cwd=home)
        assert (home / place).read_text().strip() == printed.strip()
