"""What has a name under /dev/shm, or in a folder that stands for it."""

from shmtui.monitor.discovery import survey
from shmtui.monitor.shared_object import ObjectKind, SharedObject
from shmtui.shm.segment import SHM_DIR


def named_objects(folder: str = SHM_DIR) -> tuple[SharedObject, ...]:
    """Segments and semaphores that a program can open by their names."""
    return tuple(
        each
        for each in survey(folder).objects
        if each.kind in {ObjectKind.POSIX, ObjectKind.SEMAPHORE} and not each.unlinked
    )
