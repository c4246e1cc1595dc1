"""Namespaces that this process makes for itself and its children, and file systems mounted in them."""

import ctypes
import os
from pathlib import Path
from typing import Final

NEW_MOUNTS, NEW_IPC, NEW_USER = 0x20000, 0x8000000, 0x10000000
NEW_PIDS, NEW_NETWORK = 0x20000000, 0x40000000
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18

_libc: Final = ctypes.CDLL(None, use_errno=True)


def make_namespaces(kinds: int) -> None:
    """Make new ones of these kinds, the mounts among them; a new user namespace keeps user and group.

    OSError: refused, by the kernel, a container or a limit (user_namespaces(7)).
    """
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(kinds):
        raise OSError(ctypes.get_errno(), "unshare")
    if kinds & NEW_USER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    mount("none", "/", None, _MS_REC | _MS_PRIVATE)


def mount(source: str, target: str, kind: str | None, flags: int = 0, data: str = "") -> None:
    """Put a file system there. OSError: the kernel refuses it."""
    encoded = None if kind is None else kind.encode()
    if _libc.mount(source.encode(), target.encode(), encoded, flags, data.encode()):
        raise OSError(ctypes.get_errno(), f"mount {target}")
