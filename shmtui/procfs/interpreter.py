"""How a module of this package is run as a process of its own: command line and environment.

Workers, the guard of a repair and the guard of the terminal are started this way.
"""

import os
import signal
import sys

import shmtui
from shmtui import i18n


def module_command(module: str, *arguments: str, site: bool = True) -> list[str]:
    """The command ``python -m module arguments``, with this interpreter.

    Without ``site`` Python leaves out site-packages, which makes it start sooner: for modules
    that need nothing but the standard library.
    """
    # -P keeps modules in the user's working directory from shadowing the library's.
    options = ["-P"] if site else ["-P", "-S"]
    return [sys.executable, *options, "-m", module, *arguments]


def module_environment() -> dict[str, str]:
    """This process's environment, with the way to this package first in PYTHONPATH, and the
    language in use. :func:`without_package` takes the way out again.
    """
    package = os.path.dirname(os.path.dirname(shmtui.__file__))  # noqa: PTH120 - starts light
    inherited = os.environ.get("PYTHONPATH")
    paths = [package, inherited] if inherited else [package]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        i18n.VARIABLE: i18n.language_in_use(),
    }


def without_package(environment: dict[str, str]) -> dict[str, str]:
    """What :func:`module_environment` was made from: PYTHONPATH as the user had it.

    >>> without_package({"PYTHONPATH": "/package:/own", "HOME": "/"})
    {'PYTHONPATH': '/own', 'HOME': '/'}
    >>> without_package({"PYTHONPATH": "/package"})
    {}
    """
    _package, _separator, inherited = environment.get("PYTHONPATH", "").partition(os.pathsep)
    others = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    return {"PYTHONPATH": inherited} | others if inherited else others


def restore_signals() -> None:
    """Before an exec: the signals that Python ignores for itself do what they do in any program.

    What is ignored stays ignored after the exec, and a program that writes to a closed pipe would go on.
    """
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
