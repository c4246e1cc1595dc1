"""A headless Chromium beside a test, driven over its DevTools protocol."""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import pytest
from websockets.sync.client import connect

from tests.waiting import PATIENCE, poll

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # It shows our own page only, also where it may make no namespaces.
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--window-size=1280,800",
)


class Browser:
    """One page. It is over after the block."""

    def __init__(self, home: Path) -> None:
        """``home``: an empty folder for what it writes. Skips the test where there is no Chromium."""
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            pytest.skip("chromium is not installed")
        self._home = home
        self._number = 0
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={home}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"HOME": str(home)},
        )
        self._cleaning = contextlib.ExitStack()
        self._cleaning.callback(self._end)

    def __enter__(self) -> Self:
        try:
            port, path = poll(self._address, "Chromium has begun")
            there = connect(f"ws://127.0.0.1:{port}{path}", max_size=None)
            self._connection = self._cleaning.enter_context(there)
            targets = self._ask("Target.getTargets")["targetInfos"]
            page = next(each["targetId"] for each in targets if each["type"] == "page")
            attached = self._ask("Target.attachToTarget", targetId=page, flatten=True)
            self._session = attached["sessionId"]
            self.tell("Page.enable")
        except BaseException:
            self._cleaning.close()
            raise
        return self

    def _address(self) -> list[str] | None:
        file = self._home / "DevToolsActivePort"
        lines = file.read_text().split() if file.exists() else []
        return lines if len(lines) == 2 else None

    def __exit__(self, *_error: object) -> None:
        self._cleaning.close()

    def _end(self) -> None:
        """All of its processes: they are a group of their own."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _ask(self, method: str, session: str = "", **arguments: Any) -> dict[str, Any]:
        self._number += 1
        request: dict[str, Any] = {"id": self._number, "method": method, "params": arguments}
        if session:
            request["sessionId"] = session
        self._connection.send(json.dumps(request))
        while True:
            answer = json.loads(self._connection.recv(PATIENCE))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def tell(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Ask something of the page."""
        return self._ask(method, self._session, **arguments)

    def open(self, url: str) -> None:
        """Go to an address."""
        self.tell("Page.navigate", url=url)

    def value(self, script: str) -> Any:
        """What a script gives there."""
        result = self.tell("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def shows(self, text: str) -> str:
        """The text of the page, once it shows ``text``."""

        def found() -> str:
            shown: str = self.value("document.body?.innerText ?? ''")
            return shown if text in shown else ""

        return poll(found, f"{text!r} on the page")

    def press(self, key: str, code: int = 0) -> None:
        """Press a key and let it go; ``code`` is the virtual one of a key that is no character."""
        text = {} if code else {"text": key}
        self.tell("Input.dispatchKeyEvent", type="keyDown", key=key,
                  windowsVirtualKeyCode=code, **text)  # fmt: skip
        self.tell("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def click(self, x: float, y: float) -> None:
        """Click there, in pixels."""
        for kind in ("mousePressed", "mouseReleased"):
            self.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self.tell("Page.captureScreenshot")["data"])

    def until(self, script: str, holds: Callable[[Any], object]) -> Any:
        """What a script gives, once that holds of it."""

        def found() -> Any:
            value = self.value(script)
            return (value,) if holds(value) else None

        return poll(found, script)[0]
