"""``python -m tests.benchmarks.frames NAME COUNT FILE``: frames of the dashboard without a pause.

The real dashboard on a segment, told to draw the next frame as soon as it has drawn the last.
Ten times on the way it adds a line to FILE: how many frames, and how many bytes of memory.
"""

import asyncio
import os
import sys
from pathlib import Path

os.environ["TEXTUAL_FPS"] = "1000"  # Read when Textual is imported: it paints no oftener than that.

from shmtui.monitor.sampler import Sampler
from shmtui.session.opener import Attachment
from shmtui.tui.app import DashboardApp
from tests.benchmarks.programs import own_memory


class Hurried(DashboardApp, inherit_bindings=False):
    """Draws frame after frame, and ends."""

    wanted = 0
    file = Path()

    async def hurry(self) -> None:
        """All the frames."""
        for frame in range(1, self.wanted + 1):
            self.tick()
            await asyncio.sleep(0.001)
            if frame % (self.wanted // 10) == 0:
                with self.file.open("a") as file:
                    file.write(f"{frame} {own_memory(os.getpid())}\n")
        self.leave(0)


def main(name: str, count: int, file: str) -> None:
    """Draw them."""
    app = Hurried(Attachment(Sampler(name)))
    app.wanted, app.file = count, Path(file)
    task: list[asyncio.Task[None]] = []
    app.call_later(lambda: task.append(asyncio.create_task(app.hurry())))
    app.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
