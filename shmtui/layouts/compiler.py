"""Structs of a user's header or source file, as the user's compiler lays them out.

The compiler makes an object file with debug information of a file that only includes the user's;
:mod:`shmtui.layouts.debug_info` reads it. Nothing is linked or run.
"""

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shmtui.errors import ShmtuiError
from shmtui.i18n import _, ngettext
from shmtui.layouts.cpp_templates import renamed, type_definitions
from shmtui.layouts.debug_info import compiled_structs, is_elf, read_structs
from shmtui.layouts.struct_members import Struct
from shmtui.sanitize import inert
from shmtui.shm.libc import Libc, running_libc

SECONDS: Final = 10
"""Processor time that the compiler may take."""
_WAIT_SECONDS: Final = 60
"""What it may take on a busy machine, or where it waits for something that never comes."""
MEMORY_KB: Final = 1 << 20
_OUTPUT_KB: Final = 256 << 10
_SHOWN: Final = 65_536
"""Bytes of the compiler's messages that are read."""
_C: Final = frozenset((".c", ".h"))
_CPP: Final = frozenset((".hpp", ".hh", ".hxx", ".h++", ".cpp", ".cc", ".cxx", ".c++", ".C", ".H"))
_FLAGS: Final = ("-g", "-c", "-w", "-O0")
_ALL_TYPES: Final = ("-fno-eliminate-unused-debug-types", "-femit-class-debug-always")
"""Without these gcc leaves out structs that no code of the file uses, as all of a header, and
classes whose virtual functions stand in another file.
"""
_PRELUDE: Final = (
    "semaphore.h", "pthread.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "limits.h",
    "stdio.h", "stdlib.h", "string.h", "time.h", "unistd.h", "sys/types.h",
)  # fmt: skip
"""What a program often includes before a header that relies on it."""
_ERROR: Final = re.compile(r"^(.+?):(\d+):(?:\d+:)? (?:fatal )?error: (.+)$", re.MULTILINE)
_NO_MEMORY: Final = re.compile(
    "out of memory|memory exhausted|cannot allocate memory|bad_alloc", re.IGNORECASE
)
_NO_TIME: Final = re.compile("CPU time limit exceeded|Killed signal terminated program")
_NO_OPTION: Final = re.compile("unrecognized|unknown argument|unsupported option|unknown option")


@dataclass(frozen=True, slots=True)
class CompiledTypes:
    """What a header declares, and by which compiler that is so."""

    structs: tuple[Struct, ...]
    libc: Libc
    """The one whose layout it is: another than was asked for where it has no compiler here."""
    command: str = ""
    """The compiler; empty where the file was compiled before."""


def read_file(
    path: Path,
    libc: Libc,
    include: Sequence[Path] = (),
    define: Sequence[str] = (),
    compiler: str | None = None,
    names: Collection[str] = (),
) -> tuple[Struct, ...]:
    """Structs that a header, a source or an ELF file declares, in order. See `compile_types`."""
    return compile_types(path, libc, include, define, compiler, names).structs


def compile_types(
    path: Path,
    libc: Libc,
    include: Sequence[Path] = (),
    define: Sequence[str] = (),
    compiler: str | None = None,
    names: Collection[str] = (),
) -> CompiledTypes:
    """Structs that the file and what it includes of the user's own files declare.

    ``names`` of C++ that nothing in the file makes, such as ``Ring<int, 8>``, are made, for nothing
    else tells their layout. ShmtuiError: no compiler is at hand, or it refuses the file (``file:line: reason``
    in its words), or it takes more than `SECONDS` or `MEMORY_KB`.
    """
    if is_elf(path):
        wanted = list(names) or None
        return CompiledTypes(read_structs(path, names=wanted), libc)
    _require_text_file(path)
    asked = _Request(path, tuple(include), tuple(define), tuple(names))
    first: ShmtuiError | None = None
    for cpp, prelude in _ways(path):
        command, found_libc = _command(libc, cpp=cpp, given=compiler)
        try:
            structs = _compiled(asked, command, cpp=cpp, prelude=prelude)
        except _RefusedError as refused:
            first = first or ShmtuiError(str(refused))
            continue
        return CompiledTypes(structs, found_libc, shlex.join(command))
    assert first is not None
    raise first


class _RefusedError(Exception):
    """The compiler does not take the file; the text is its reason."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What is compiled, and with what."""

    path: Path
    include: tuple[Path, ...]
    define: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def absolute(self) -> str:
        """The file, with its links as they are: what it includes lies beside the name."""
        return os.path.abspath(self.path)  # noqa: PTH100 - Path.resolve() follows links


def _ways(path: Path) -> list[tuple[bool, bool]]:
    """(C++?, with the usual headers before it?) in the order in which they are tried."""
    if path.suffix in _CPP:
        return [(True, False), (True, True)]
    if path.suffix == ".c":
        return [(False, False), (False, True)]
    return [(False, False), (False, True), (True, False), (True, True)]


def _require_text_file(path: Path) -> None:
    try:
        if not path.stat().st_mode & 0o170000 == 0o100000:
            raise ShmtuiError(_("{path}:1: it is no regular file").format(path=path))
        with path.open("rb"):
            pass
    except OSError as error:
        raise ShmtuiError(
            _("{path}:1: it cannot be read: {reason}").format(path=path, reason=error.strerror)
        ) from None
    if path.suffix not in _C | _CPP:
        raise ShmtuiError(
            _(
                "{path} is neither a C or C++ file by its name (.h .c .hpp .cpp) nor a program or "
                "object file (ELF)"
            ).format(path=path)
        )
    if '"' in str(path) or "\n" in str(path):
        raise ShmtuiError(
            _("{path}: no #include can name such a file: rename it").format(path=repr(str(path)))
        )


# -- which compiler -------------------------------------------------------------------------------


def _command(libc: Libc, *, cpp: bool, given: str | None) -> tuple[list[str], Libc]:
    """The compiler's command, and the C library that it compiles for."""
    own = running_libc()
    if given:
        words = _found(given)
        return words, Libc.MUSL if "musl" in Path(words[0]).name else own
    if libc is not own:
        for name in _CROSS[libc]["c++" if cpp else "c"]:
            if shutil.which(name):
                return [name], libc
    variable = os.environ.get("CXX" if cpp else "CC")
    if variable and variable.strip():
        return _found(variable), own
    for name in ("c++", "g++", "clang++") if cpp else ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name], own
    raise ShmtuiError(
        _(
            "no {language} compiler is here: install one or name it with --cc, or give --header a "
            "program or object file with debug information (-g), or say --layout"
        ).format(language="C++" if cpp else "C")
    )


_MACHINE: Final = os.uname().machine
_CROSS: Final[dict[Libc, dict[str, tuple[str, ...]]]] = {
    Libc.MUSL: {
        "c": ("musl-gcc", f"{_MACHINE}-linux-musl-gcc", "musl-clang"),
        "c++": ("musl-g++", f"{_MACHINE}-linux-musl-g++"),
    },
    Libc.GLIBC: {"c": (f"{_MACHINE}-linux-gnu-gcc",), "c++": (f"{_MACHINE}-linux-gnu-g++",)},
}
"""Compilers for the other C library."""


def _found(text: str) -> list[str]:
    """A command as a user says it, words and all."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = []
    if not words or not shutil.which(words[0]):
        raise ShmtuiError(
            _(
                "the compiler {command} does not exist: name another with --cc, or give --header a "
                "program or object file with debug information (-g), or say --layout"
            ).format(command=text)
        )
    return words


# -- compiling ------------------------------------------------------------------------------------


def _compiled(
    asked: _Request, command: Sequence[str], *, cpp: bool, prelude: bool
) -> tuple[Struct, ...]:
    """The structs, by one compiler. _RefusedError: it does not take the file."""
    with tempfile.TemporaryDirectory(prefix="shmtui-") as name:
        folder = Path(name)
        run = _Run(asked, tuple(command), folder, cpp=cpp, prelude=prelude)
        structs, open_ = run.structs(())
        known = {each for struct in structs for each in struct.names}
        missing = [each for each in asked.names if each not in known]
        if cpp and (missing or open_):
            # Templates that no code makes: they are made now, so that they have a layout.
            with contextlib.suppress(_RefusedError):
                structs, _rest = run.structs((*missing, *open_))
    return structs


class _Run:
    """Runs of one compiler over one file."""

    def __init__(
        self, asked: _Request, command: tuple[str, ...], folder: Path, *, cpp: bool, prelude: bool
    ) -> None:
        self.asked, self.command, self.folder = asked, command, folder
        self.cpp, self.prelude = cpp, prelude
        self.output = folder / "unit.o"
        self.messages = folder / "messages"
        self.depends = folder / "unit.d"

    def structs(self, made: Sequence[str]) -> tuple[tuple[Struct, ...], tuple[str, ...]]:
        """The user's structs, with types of these names made; and typedefs of templates that
        nothing makes.
        """
        source = self.folder / ("unit.cpp" if self.cpp else "unit.c")
        source.write_text(self._text(made), "utf-8", "surrogateescape")
        depends = ("-fmax-errors=50", "-MMD", "-MF", str(self.depends))
        for extra in ((*_ALL_TYPES, *depends), (_ALL_TYPES[0], *depends), ()):
            status = self._once(source, extra)
            if not status or not _NO_OPTION.search(self._said()):
                break
        if status or not self.output.is_file():
            raise _RefusedError(self._reason(status))
        structs, open_ = compiled_structs(self.output, self._users_own())
        return tuple(renamed(struct, made) for struct in structs), open_

    def _text(self, made: Sequence[str]) -> str:
        # A token before the first #include keeps a precompiled header (.gch) from being used.
        lines = ["struct shmtui_first_;"]
        lines += [f"#include <{name}>" for name in _PRELUDE if self.prelude and self._takes(name)]
        lines.append(f'#include "{self.asked.absolute}"')
        return "\n".join([*lines, *type_definitions(made), ""])

    def _takes(self, header: str) -> bool:
        return not (self.cpp and header == "stdatomic.h")

    def _once(self, source: Path, extra: Sequence[str]) -> int:
        """The compiler's exit status. ShmtuiError: it takes too long or too much memory."""
        folder = os.path.dirname(self.asked.absolute)  # noqa: PTH120 - see `absolute`
        arguments = [*self.command, *_FLAGS, *extra, "-o", str(self.output)]
        for include in self.asked.include:
            arguments += ["-I", os.path.abspath(include)]  # noqa: PTH100 - as the user names it
        # After the system's folders: a file beside the header shadows none of theirs.
        arguments += ["-idirafter", folder, *(f"-D{each}" for each in self.asked.define)]
        limits = (
            f"ulimit -c 0; ulimit -t {SECONDS}; ulimit -v {MEMORY_KB}; ulimit -f {2 * _OUTPUT_KB}; "
        )
        with self.messages.open("wb") as messages:
            process = subprocess.Popen(
                ["/bin/sh", "-c", limits + 'exec "$@"', "sh", *arguments, str(source)],
                stdin=subprocess.DEVNULL,
                stdout=messages,
                stderr=messages,
                cwd=self.folder,
                env={**os.environ, "LC_ALL": "C", "TMPDIR": str(self.folder)},
                start_new_session=True,
            )
            in_time = _ended(process, _WAIT_SECONDS)
        if in_time and not (process.returncode and _NO_TIME.search(self._said())):
            return process.returncode
        raise ShmtuiError(
            _("{path}: the compiler took more than {seconds} s: it was ended").format(
                path=self.asked.path, seconds=SECONDS
            )
        )

    def _said(self) -> str:
        with self.messages.open("rb") as file:
            return file.read(_SHOWN).decode("utf-8", "replace")

    def _reason(self, status: int) -> str:
        """The compiler's first error on one line: file, line, its words."""
        said = self._said()
        if _NO_MEMORY.search(said) or status in {-signal.SIGSEGV, 128 + signal.SIGSEGV}:
            return _("{path}: the compiler needs more than 1 GiB of memory for it").format(
                path=self.asked.path
            )
        errors = _ERROR.findall(said)
        if not errors:
            lines = [line for line in said.splitlines() if line.strip()]
            reason = inert(lines[-1]) if lines else _("it says no reason")
            return _("{path}: {compiler} refuses it: {reason}").format(
                path=self.asked.path, compiler=self.command[0], reason=reason
            )
        file, line, reason = errors[0]
        if os.path.normpath(file) == os.path.normpath(self.asked.absolute):
            file = str(self.asked.path)
        text = f"{inert(file)}:{line}: {inert(reason)}"
        more = len(errors) - 1
        if more:
            rest = ngettext("{count} more error", "{count} more errors", more).format(count=more)
            text += f" ({rest})"
        return text

    def _users_own(self) -> "_UsersOwn":
        """Which files are the user's: those that the compiler says, and what lies beside them."""
        folders = [os.path.dirname(self.asked.absolute)]  # noqa: PTH120 - see `absolute`
        folders += [os.path.abspath(each) for each in self.asked.include]  # noqa: PTH100
        files = {os.path.normpath(self.asked.absolute)}
        if self.depends.is_file():
            text = self.depends.read_text("utf-8", "surrogateescape")
            files |= set(_dependencies(text))
        files.discard(os.path.normpath(self.folder / "unit.cpp"))
        files.discard(os.path.normpath(self.folder / "unit.c"))
        outside = ("/usr/include", "/usr/lib", "/usr/local/include", "/usr", "/")
        kept = tuple(f"{each}/" for each in folders if each not in outside)
        return _UsersOwn(frozenset(files), kept, str(self.folder))


@dataclass(frozen=True, slots=True)
class _UsersOwn:
    """Says whether a file is one of the user's own."""

    files: frozenset[str]
    folders: tuple[str, ...]
    ours: str

    def __call__(self, file: str) -> bool:
        """Whether the file, as debug information names it, is the user's."""
        if file in self.files:
            return True
        return file.startswith(self.folders) and not file.startswith(f"{self.ours}/")


def _dependencies(text: str) -> list[str]:
    """The files of a rule that the compiler wrote for make, where a backslash keeps a space."""
    rule = text.replace("\\\n", " ").partition(": ")[2]
    words = re.split(r"(?<!\\)\s+", rule)
    plain = (re.sub(r"\\(.)", r"\1", word).replace("$$", "$") for word in words if word)
    return [os.path.normpath(word) for word in plain]


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ends by itself in time; afterwards none of its group is left."""
    # While it is not reaped its number stands for no other group.
    watched = os.pidfd_open(process.pid)
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    try:
        ended = bool(poll.poll(seconds * 1000))
    finally:
        os.close(watched)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return ended
