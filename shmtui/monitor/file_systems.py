"""What file systems in memory hold beside the files that are listed by themselves."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from shmtui.i18n import _
from shmtui.monitor.shared_object import Content, ObjectKind, SharedObject
from shmtui.procfs.initial_files import initial_files
from shmtui.procfs.mounts import Mount


def rest_of_file_systems(
    mounts: Mapping[int, tuple[Mount, int | str]], accounted: Mapping[int, int]
) -> Iterator[SharedObject]:
    """A row for each that holds more. ``mounts``: by device, with a process that sees it;
    ``accounted``: bytes of memory that are listed, by device.
    """
    for device, (mount, pid) in mounts.items():
        if mount.kind not in {"tmpfs", "devtmpfs"}:
            continue
        point = mount.point if pid == "self" else f"/proc/{pid}/root{mount.point}"
        try:
            if Path(point).stat().st_dev != device:
                continue
            space = os.statvfs(point)
        except OSError:
            continue
        used = (space.f_blocks - space.f_bfree) * space.f_frsize - accounted.get(device, 0)
        if used > 0:
            yield _file_system(mount, used, space)


def initial_file_system() -> Iterator[SharedObject]:
    """A row for the files that the machine started from, where they take memory."""
    used = initial_files()
    if used:
        looks = _("the files that the machine started from (initramfs)")
        yield _row("rootfs", looks, used, None)


def _file_system(mount: Mount, used: int, space: os.statvfs_result) -> SharedObject:
    looks = _("files in memory that no process shares as memory")
    return _row(mount.point, looks, used, space.f_blocks * space.f_frsize)


def _row(name: str, looks: str, used: int, size: int | None) -> SharedObject:
    return SharedObject(
        target=f"tmpfs:{name}",
        name=name,
        kind=ObjectKind.TMPFS,
        content=Content.UNKNOWN,
        looks=looks,
        size=size,
        owner=None,
        mode=None,
        age=None,
        orphan=None,
        readable=False,
        in_use=used,
        in_use_at_least=size is None,
    )
