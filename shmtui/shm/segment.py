"""POSIX shared-memory segments: names, creation, opening, removal.

Creation is exclusive and reserves the pages, so that a full /dev/shm is an error at creation and
not a SIGBUS at the first write. Nothing but creation opens with O_CREAT.
"""

import errno
import mmap
import os
import stat
from pathlib import Path
from typing import Final

import msgspec
import posix_ipc

from shmtui.errors import MissingSegmentError, NameInUseError, ShmtuiError, shortage
from shmtui.i18n import _
from shmtui.sanitize import shell_word

SHM_DIR: Final = "/dev/shm"
NAME_MAX: Final = 255
"""Bytes in a file name, the leading slash of a segment's name not counted (limits.h)."""


def segment_name(text: str) -> str:
    """The POSIX name in ``text``, with exactly one leading slash. ShmtuiError: it is none.

    >>> segment_name("shm_buffer"), segment_name("/shm_buffer")
    ('/shm_buffer', '/shm_buffer')
    """
    bare = text.removeprefix("/")
    length = len(os.fsencode(bare))
    if bare in {"", ".", ".."}:
        wrong = _("{shown} is not a segment name: give one such as /shm_buffer")
    elif "/" in bare:
        wrong = _(
            "the name {shown} has a slash inside, and POSIX allows one at the front only: take "
            "it out"
        )
    elif "\0" in bare:
        wrong = _("the name {shown} has a NUL byte inside: take it out")
    elif length > NAME_MAX:
        wrong = _("the name is {length} bytes long and the limit is {most}: choose a shorter one")
    else:
        return "/" + bare
    raise ShmtuiError(wrong.format(shown=ascii(text)[:80], length=length, most=NAME_MAX))


def segment_path(name: str, folder: str = SHM_DIR) -> str:
    """The file of a segment; ``folder`` is /dev/shm, or another process's view of it.

    >>> segment_path("/shm_buffer")
    '/dev/shm/shm_buffer'
    """
    return f"{folder}/{name.removeprefix('/')}"


def derived_name(name: str, suffix: str, limit: int = NAME_MAX) -> str:
    """``name`` + ``suffix``: the name of a control block or semaphore of segment ``name``.

    Where that is longer than ``limit`` bytes, a digest of the name replaces the end of the name,
    so that every legal segment name gives a legal name.

    >>> derived_name("/shm_buffer", ".shmtui")
    '/shm_buffer.shmtui'
    >>> len(derived_name("/" + "x" * 255, ".shmtui"))
    256
    """
    bare = os.fsencode(name.removeprefix("/"))
    room = limit - len(suffix)
    if len(bare) > room:
        from hashlib import sha256  # noqa: PLC0415 - slow to load, and few names are that long

        digest = sha256(bare).hexdigest()[:12].encode()
        bare = bare[: room - 13] + b"~" + digest
    return "/" + os.fsdecode(bare) + suffix


class FileIdentity(msgspec.Struct, frozen=True):
    """Device and inode, which name a file for as long as it exists. Its path may be reused."""

    device: int
    inode: int
    system_v: bool = False
    """A System V segment: ``inode`` is its shmid, which other files of that device may have too."""

    @classmethod
    def of(cls, status: os.stat_result) -> "FileIdentity":
        """The identity of the file with this status."""
        return cls(status.st_dev, status.st_ino)


def require_free_space(name: str, size: int) -> None:
    """ShmtuiError: /dev/shm has no room for a segment of ``size`` bytes."""
    space = os.statvfs(SHM_DIR)
    free = space.f_bavail * space.f_frsize
    if size > free:
        text = _(
            "{name} would take {size:,} bytes and /dev/shm has {free:,} free: ask for fewer "
            "slots or a smaller item, or free some with shmtui rm"
        )
        raise ShmtuiError(text.format(name=name, size=size, free=free))


def require_text(name: str) -> None:
    """ShmtuiError: the bytes of a name are no UTF-8, and posix_ipc makes nothing of such a name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        text = _("the name {shown} is not UTF-8: choose another")
        raise ShmtuiError(text.format(shown=ascii(name))) from None


def require_free_name(name: str) -> None:
    """NameInUseError: there is a segment of that name. ShmtuiError: there can be none (`require_text`)."""
    require_text(name)
    if identity_at(segment_path(name)) is not None:
        raise _in_use(name)


def _in_use(name: str) -> NameInUseError:
    text = _(
        "{name} is in use: look at it with shmtui attach {name}, choose another NAME, or "
        "remove it with shmtui rm {name}"
    )
    return NameInUseError(text.format(name=name))


def create_segment(name: str, size: int, mode: int = 0o600) -> FileIdentity:
    """Make a zero-filled segment of ``size`` bytes with its pages reserved.

    It has exactly this mode, whatever the umask. NameInUseError: the name is taken. ShmtuiError:
    there is no room, or no permission. A failure leaves nothing behind.
    """
    require_free_space(name, size)
    require_text(name)
    try:
        shared = posix_ipc.SharedMemory(name, posix_ipc.O_CREX, mode=0o600)
    except posix_ipc.ExistentialError:
        raise _in_use(name) from None
    except (posix_ipc.Error, OSError) as error:
        text = _("cannot create {name}: {error}; is /dev/shm writable?")
        if getattr(error, "errno", None) == errno.ENOSPC:
            text = _("/dev/shm has no room for one more file, {name}: free some with shmtui rm")
        raise ShmtuiError(text.format(name=name, error=error)) from None
    try:
        os.posix_fallocate(shared.fd, 0, size)
        os.fchmod(shared.fd, mode)
        return FileIdentity.of(os.fstat(shared.fd))
    except BaseException as error:
        unlink_segment(name)
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.ENOMEM}:
            raise ShmtuiError(
                _(
                    "/dev/shm has no room for the {size:,} bytes of {name}: ask for fewer slots or a "
                    "smaller item"
                ).format(size=size, name=name)
            ) from None
        raise
    finally:
        shared.close_fd()


class MissingFileError(MissingSegmentError):
    """Of a file of /dev/shm, by its path. Names that are near to its own are looked for where the text is asked for:
    most files that are missing are control blocks that nobody made, and a folder may hold thousands.
    """

    def __str__(self) -> str:
        return _missing(self.args[0])


def _missing(path: str) -> str:
    """That there is no such file, with the names that are nearest to its own, as words that a shell takes."""
    import difflib  # noqa: PLC0415 - heavy

    folder, _slash, name = path.rpartition("/")
    try:
        near = difflib.get_close_matches(name, os.listdir(folder), n=3)
    except OSError:
        near = []
    if not near:
        wrong = _("{path} does not exist: is the name right, or is it gone already?")
        if folder == SHM_DIR:
            wrong = _("{path} does not exist: shmtui ls shows what there is")
        return wrong.format(path=path)
    wrong = _("{path} does not exist: did you mean {names}?")
    names = _(" or ").join(shell_word(f"/{each}") for each in near)
    return wrong.format(path=path, names=names)


def map_segment(name: str, expected: FileIdentity | None = None) -> mmap.mmap:
    """Map an existing segment to read and write it.

    MissingSegmentError: there is none. ShmtuiError: it may not be opened, it is empty, or it is
    another file than ``expected``.
    """
    try:
        fd = os.open(segment_path(name), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        text = _("no segment named {name}: was it unlinked?")
        raise MissingSegmentError(text.format(name=name)) from None
    except OSError as error:
        text = _("cannot open {name} for writing: {error}")
        raise ShmtuiError(text.format(name=name, error=error.strerror)) from None
    try:
        status = os.fstat(fd)
        if expected is not None and FileIdentity.of(status) != expected:
            raise ShmtuiError(_("{name} has been replaced by another segment").format(name=name))
        if status.st_size == 0:
            text = _("{name} is empty: its creator has not given it a size yet")
            raise ShmtuiError(text.format(name=name))
        return mmap.mmap(fd, status.st_size)
    finally:
        os.close(fd)


def _unreadable(path: str) -> str:
    """The message that this user may not read a file: its mode, its owner, and who may."""
    text = _("this user may not read {path}").format(path=path)
    try:
        status = os.lstat(path)
    except OSError:
        return _("{text}: run shmtui as root").format(text=text)
    import pwd  # noqa: PLC0415 - only for a refusal

    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = _("uid {number}").format(number=status.st_uid)
    way = "root" if status.st_uid == 0 else _("{owner} or as root").format(owner=owner)
    return _("{text} (mode {mode:04o}, owner {owner}): run shmtui as {way}").format(
        text=text, mode=stat.S_IMODE(status.st_mode), owner=owner, way=way
    )


def _reopened(handle: int, path: str) -> int:
    """A read-only descriptor of the file that ``handle`` names. ShmtuiError: /proc is not mounted, or is
    another PID namespace's.
    """
    try:
        return _open_quietly(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        text = _(
            "/proc does not show this process, and {path} is opened by it: mount -t proc proc /proc"
        )
        raise ShmtuiError(text.format(path=path)) from None


def open_readonly(path: str) -> int:
    """A read-only descriptor of a regular file under /dev/shm.

    Follows no link, and opens nothing but a regular file: opening a FIFO would wait, and a device
    might act. MissingSegmentError: there is nothing. ShmtuiError: it is no regular file, or this
    user may not read it.
    """
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                text = _("{path} is not a regular file, so it is not a segment")
                if stat.S_ISLNK(mode):
                    text = _("{path} is a symbolic link, not a segment")
                raise ShmtuiError(text.format(path=path))
            return _reopened(handle, path)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise MissingFileError(path) from None
    except PermissionError:
        raise ShmtuiError(_unreadable(path)) from None
    except OSError as error:
        raise ShmtuiError(
            _("cannot read {path}: {why}").format(path=path, why=shortage(error) or error.strerror)
        ) from None


def _open_quietly(path: str, flags: int) -> int:
    """Open it so that reading leaves its time of last use alone; only its owner may, and root."""
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)


def open_seen(path: str, identity: FileIdentity) -> int:
    """A read-only descriptor of a regular file that was seen there a moment ago. OSError: this user
    may not read it, or it is gone: waits for no FIFO that has the name now.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    fd = _open_quietly(path, flags)
    if FileIdentity.of(os.fstat(fd)) != identity:
        os.close(fd)
        raise FileNotFoundError(path)
    return fd


def unlink_segment(name: str) -> bool:
    """Remove a segment's name; False if there was none. Processes that map it keep it.

    ShmtuiError: this user may not remove it.
    """
    return unlink(segment_path(name), name, _("cannot remove {name}: {error}"))


def unlink(path: str, name: str, text: str) -> bool:
    """Remove the file of a name, as shm_unlink(3) and sem_unlink(3) do on Linux; False if there was
    none. ShmtuiError: ``text``. posix_ipc cannot name a file whose bytes are not UTF-8.
    """
    try:
        Path(path).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ShmtuiError(text.format(name=name, error=error.strerror)) from None
    return True


def identity_at(path: str) -> FileIdentity | None:
    """The identity of the file at ``path`` now, or None."""
    try:
        return FileIdentity.of(os.lstat(path))
    except FileNotFoundError:
        return None
