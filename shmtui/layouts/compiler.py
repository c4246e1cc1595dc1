"""Structs of a user's header or source file, as the user's compiler lays them out.

The compiler makes an object file with debug information of a file that only includes the user's;
:mod:`shmtui.layouts.debug_info` reads it. Nothing is linked or run.
"""

import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import msgspec

from shmtui.errors import ShmtuiError
from shmtui.i18n import _, ngettext
from shmtui.layouts.compiler_command import compiler_command
from shmtui.layouts.cpp_templates import as_asked_for, template_definitions
from shmtui.layouts.debug_info import compiled_structs
from shmtui.layouts.member_roles import listed
from shmtui.layouts.struct_members import Struct
from shmtui.procfs.elf import opened
from shmtui.sanitize import inert
from shmtui.shm.libc import Libc

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
_SYSTEM: Final = ("/usr/include", "/usr/lib", "/usr/local/include", "/usr", "/")
_ERROR: Final = re.compile(r"^(.+?):(\d+):(?:\d+:)? (?:fatal )?error: (.+)$", re.MULTILINE)
_NO_MEMORY: Final = re.compile(
    "out of memory|memory exhausted|cannot allocate memory|bad_alloc", re.IGNORECASE
)
_NO_TIME: Final = re.compile("CPU time limit exceeded|Killed signal terminated program")
_NO_OPTION: Final = re.compile("unrecognized|unknown argument|unsupported option|unknown option")


class CompiledTypes(msgspec.Struct, frozen=True):
    """What a header declares, and by which C library that is so."""

    structs: tuple[Struct, ...]
    libc: Libc
    """Another than was asked for where that one has no compiler here."""


class _RefusedError(Exception):
    """The compiler does not take the file; the text is its reason."""


def compile_types(
    path: Path,
    libc: Libc,
    include: Sequence[Path] = (),
    define: Sequence[str] = (),
    compiler: str | None = None,
    names: Collection[str] = (),
) -> CompiledTypes:
    """Structs that the file and what it includes of the user's own files declare, in order.

    ``names`` of C++ that nothing in the file makes, such as ``Ring<int, 8>``, are made, for nothing
    else tells their layout. ShmtuiError: no compiler is at hand, or it refuses the file (``file:line: reason``
    in its words) or a template's name, or it takes more than `SECONDS` or `MEMORY_KB`.
    """
    _require_text_file(path)
    refusals = []
    languages = (
        (True,) if path.suffix in _CPP else (False,) if path.suffix == ".c" else (False, True)
    )
    for cpp in languages:
        for prelude in (False, True):
            command, found_libc = compiler_command(libc, cpp=cpp, given=compiler)
            with tempfile.TemporaryDirectory(prefix="shmtui-") as folder:
                run = _Run(path, include, define, command, Path(folder), cpp, prelude)
                try:
                    return CompiledTypes(run.named(names), found_libc)
                except _RefusedError as refused:
                    refusals.append(str(refused))
    raise ShmtuiError(refusals[0])


def _require_text_file(path: Path) -> None:
    try:
        with opened(path):
            pass
    except OSError as error:
        text = _("cannot read {path}: {why}")
        raise ShmtuiError(text.format(path=path, why=error.strerror)) from None
    if path.suffix not in _C | _CPP:
        text = _(
            "{path} is neither a C or C++ file by its name (.h .c .hpp .cpp) nor a program or "
            "object file (ELF)"
        )
        raise ShmtuiError(text.format(path=path))
    if '"' in str(path) or "\n" in str(path):
        text = _("{path}: no #include can name such a file: rename it")
        raise ShmtuiError(text.format(path=repr(str(path))))


class _Run(msgspec.Struct, frozen=True):
    path: Path
    include: Sequence[Path]
    define: Sequence[str]
    command: Sequence[str]
    folder: Path
    """Where the compiler's files lie; it is removed afterwards."""
    cpp: bool
    prelude: bool
    """Whether the usual headers are included before the user's file."""

    @property
    def _absolute(self) -> str:
        """The absolute path, links not resolved: what it includes lies beside the name that was given."""
        return os.path.abspath(self.path)  # noqa: PTH100 - Path.resolve() follows links

    def named(self, names: Collection[str]) -> tuple[Struct, ...]:
        """The user's structs, those of ``names`` among them. _RefusedError."""
        structs, open_ = self._structs(())
        known = {each for struct in structs for each in struct.names}
        missing = [each for each in names if each not in known]
        # Templates that no code makes: they are made now, so that they have a layout.
        if self.cpp and open_:
            with contextlib.suppress(_RefusedError):
                structs, _rest = self._structs(open_)
        if self.cpp and missing:
            try:
                structs = (*structs, *self._structs(missing)[0])
            except _RefusedError as refused:
                # Another name that is not there is answered with those that are.
                if "template" in str(refused) or any("<" in each for each in missing):
                    text = _("{path} has no type {name}: the compiler says: {reason}")
                    raise ShmtuiError(
                        text.format(path=self.path, name=listed(missing), reason=refused)
                    ) from None
        return structs

    def _structs(self, made: Sequence[str]) -> tuple[tuple[Struct, ...], tuple[str, ...]]:
        """The user's structs, with types of these names made; and typedefs of templates that
        nothing makes.
        """
        output = self.folder / "unit.o"
        source = self.folder / ("unit.cpp" if self.cpp else "unit.c")
        source.write_text(self._text(made), "utf-8", "surrogateescape")
        depends = ("-fmax-errors=50", "-MMD", "-MF", str(self.folder / "unit.d"))
        for extra in ((*_ALL_TYPES, *depends), (_ALL_TYPES[0], *depends), ()):
            status = self._compile(source, [*extra, "-o", str(output)])
            if not status or not _NO_OPTION.search(self._said()):
                break
        if status or not output.is_file():
            raise _RefusedError(self._reason(status))
        structs, open_ = compiled_structs(output, self._users_own(source))
        return tuple(as_asked_for(struct, made) for struct in structs), open_

    def _text(self, made: Sequence[str]) -> str:
        # What stands before the first #include keeps a precompiled header (.gch) from being used;
        # a whole struct gives the object file debug information where the header has none.
        lines = ["struct shmtui_first_ { char first; };"]
        if self.prelude:
            headers = (name for name in _PRELUDE if not (self.cpp and name == "stdatomic.h"))
            lines += [f"#include <{name}>" for name in headers]
        lines.append(f'#include "{self._absolute}"')
        return "\n".join([*lines, *template_definitions(made), ""])

    def _compile(self, source: Path, extra: Sequence[str]) -> int:
        """The compiler's exit status. ShmtuiError: it takes too long or too much memory."""
        arguments = [*self.command, *_FLAGS, *extra]
        for include in self.include:
            arguments += ["-I", os.path.abspath(include)]  # noqa: PTH100 - as the user names it
        # After the system's folders: a file beside the header shadows none of theirs.
        arguments += ["-idirafter", os.path.dirname(self._absolute)]  # noqa: PTH120
        arguments += [f"-D{each}" for each in self.define]
        limits = (
            f"ulimit -c 0; ulimit -t {SECONDS}; ulimit -v {MEMORY_KB}; ulimit -f {2 * _OUTPUT_KB}; "
        )
        with (self.folder / "messages").open("wb") as messages:
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
        text = _("{path}: the compiler took more than {seconds} s: it was ended")
        raise ShmtuiError(text.format(path=self.path, seconds=SECONDS))

    def _said(self) -> str:
        with (self.folder / "messages").open("rb") as file:
            return file.read(_SHOWN).decode("utf-8", "replace")

    def _reason(self, status: int) -> str:
        """The compiler's first error on one line: file, line, its words."""
        said = self._said()
        if _NO_MEMORY.search(said) or status in {-signal.SIGSEGV, 128 + signal.SIGSEGV}:
            return _("{path}: the compiler needs more than 1 GiB of memory for it").format(
                path=self.path
            )
        errors = _ERROR.findall(said)
        if not errors:
            lines = [line for line in said.splitlines() if line.strip()]
            reason = inert(lines[-1]) if lines else _("it gives no reason")
            return _("{path}: {compiler} refuses it: {reason}").format(
                path=self.path, compiler=self.command[0], reason=reason
            )
        file, line, reason = errors[0]
        if os.path.normpath(file) == self._absolute:
            file = str(self.path)
        # Lines of the file that is compiled are none of the user's: they hold what he named.
        place = "" if Path(file).parent == self.folder else f"{inert(file)}:{line}: "
        text = f"{place}{inert(reason)}"
        more = len(errors) - 1
        if more:
            rest = ngettext("{count} more error", "{count} more errors", more).format(count=more)
            text += f" ({rest})"
        return text

    def _users_own(self, source: Path) -> Callable[[str], bool]:
        """Whether a file, as debug information names it, is the user's: one that the compiler
        names, or that lies beside those.
        """
        depends = self.folder / "unit.d"
        files = {self._absolute}
        if depends.is_file():
            files |= set(_dependencies(depends.read_text("utf-8", "surrogateescape")))
        files.discard(str(source))
        paths = [os.path.dirname(self._absolute), *map(os.path.abspath, self.include)]  # noqa: PTH120
        folders = tuple(f"{each}/" for each in paths if each not in _SYSTEM)
        ours = f"{self.folder}/"
        return lambda file: (
            file in files or (file.startswith(folders) and not file.startswith(ours))
        )


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
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(watched)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
