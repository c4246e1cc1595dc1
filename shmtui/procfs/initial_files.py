"""The file system that the kernel unpacks an initramfs into, where that is a tmpfs: its memory counts as shared,
and once something else is mounted on its root no process sees it any more.
"""

import ctypes
import mmap
import os
import struct
from typing import Final

_USTAT: Final = {"x86_64": 136}
"""The system call's number (asm/unistd_64.h); newer architectures have none."""
_DEVICE: Final = os.makedev(0, 2)
"""The kernel mounts it second, after the tmpfs without a name (init_mount_tree in fs/namespace.c)."""
_STRUCT: Final = struct.Struct("@I0qQ16x")
"""``struct ustat``: free blocks, free inodes (ustat(2))."""


def initial_files() -> int:
    """Bytes of memory that they take, at least; 0 where there is no such file system, or it cannot be known.

    A tmpfs may hold as many blocks as inodes where nobody says otherwise (shmem_fill_super in mm/shmem.c),
    and nobody does for this one. So what is gone of the blocks beside the inodes is in use; as many pages
    as it has files are missing.
    """
    number = _USTAT.get(os.uname().machine)
    if number is None:
        return 0
    found = ctypes.create_string_buffer(_STRUCT.size)
    if ctypes.CDLL(None).syscall(number, ctypes.c_uint(_DEVICE), found) != 0:
        return 0
    blocks, inodes = _STRUCT.unpack(found)
    # Others, as ramfs, have no limit and say 0.
    return max(inodes - blocks, 0) * mmap.PAGESIZE if blocks else 0
