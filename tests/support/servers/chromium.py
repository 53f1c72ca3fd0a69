"""A real browser without a window, told what to do by the Chrome DevTools Protocol over a pair of pipes.

Messages are JSON that end with a NUL (`--remote-debugging-pipe`). What the pages ask for and complain about is kept.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.support.servers import ComponentMissing

_PATIENCE_S = 60.0
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--force-color-profile=srgb", "--hide-scrollbars",
)  # fmt: skip


class Browser:
    """The running browser. Each `page` is a tab of its own, with nothing left of those before."""

    def __init__(self, to_it: int, from_it: int) -> None:
        self._to_it, self._from_it = to_it, from_it
        self._number, self._rest = 0, b""
        self._poll = select.poll()  # and not select(), which takes no descriptor beyond 1,023
        self._poll.register(from_it, select.POLLIN)
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """The result of one command. Raises `AssertionError` if the browser refuses it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._send(json.dumps(message).encode() + b"\0")
        give_up_at = time.monotonic() + _PATIENCE_S
        while True:
            answer = self._next(give_up_at, method)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _send(self, message: bytes) -> None:
        try:
            while message:
                message = message[os.write(self._to_it, message) :]
        except BrokenPipeError:
            raise AssertionError("the browser has ended") from None

    def _next(self, give_up_at: float, waits_for: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            wait_s = max(0.0, give_up_at - time.monotonic())
            assert self._poll.poll(wait_s * 1000), f"no answer to {waits_for}"
            piece = os.read(self._from_it, 1 << 20)
            assert piece, "the browser has ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    @contextmanager
    def page(self, url: str, *, width: int = 1280, height: int = 900, scheme: str = "light") -> Iterator[Page]:
        """A tab that shows `url`, in a window of so many pixels, light or dark."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        try:
            for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
                page.call(f"{domain}.enable")
            page.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
            )
            page.set_scheme(scheme)
            page.call("Page.navigate", url=url)
            yield page
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command to this tab."""
        return self._browser.call(method, self._session, **parameters)

    def set_scheme(self, scheme: str) -> None:
        """Light or dark, as the reader's system has it."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is, as JSON can say it."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def shows(self, expression: str, timeout_s: float = 30) -> None:
        """Wait until the expression is true."""
        give_up_at = time.monotonic() + timeout_s
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < give_up_at, f"never true: {expression}; {self.value('document.body.innerText')}"
            time.sleep(0.05)

    def press(self, key: str, code: int) -> None:
        """A key goes down and up, with its code of Windows."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )  # fmt: skip

    def asked_for(self) -> list[str]:
        """The URLs of everything that was asked for, also in vain."""
        return [event["params"]["request"]["url"] for event in self._events("Network.requestWillBeSent")]

    def complaints(self) -> list[Any]:
        """Exceptions, violations of the page's policy, and whatever else the browser logged as wrong."""
        logged = [e for e in self._events("Log.entryAdded") if e["params"]["entry"]["level"] in ("error", "warning")]
        return [*self._events("Runtime.exceptionThrown"), *self._events("Audits.issueAdded"), *logged]

    def picture(self, *, whole: bool = True) -> bytes:
        """A PNG of what is seen, or of the whole page."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        return base64.b64decode(data)

    def _events(self, method: str) -> list[dict[str, Any]]:
        self.value("0")  # whatever happened before has come by then
        return [e for e in self._browser.events if e["method"] == method and e.get("sessionId") == self._session]


@contextmanager
def running() -> Iterator[Browser]:
    """A browser until the block ends. Raises `ComponentMissing`."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise ComponentMissing("chromium is needed: apt-get install chromium")
    with ExitStack() as ours, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with ExitStack() as its:
            to_it, its_in = _pipe(ours, its, is_ours_the_end_to_write=True)
            from_it, its_out = _pipe(ours, its, is_ours_the_end_to_write=False)
            # The browser reads from descriptor 3 and writes to 4.
            command = f'exec "$@" 3<&{its_in} 4>&{its_out} {its_in}<&- {its_out}>&-'
            words = [program, *_FLAGS, f"--user-data-dir={folder}", "--remote-debugging-pipe"]
            # A session of its own: no signal to a group of processes goes from it to the tests.
            process = subprocess.Popen(
                ["bash", "-c", command, "bash", *words], pass_fds=(its_in, its_out), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": folder},
                start_new_session=True,
            )  # fmt: skip
        browser = Browser(to_it, from_it)
        try:
            yield browser
        finally:
            try:
                browser.call("Browser.close")
                process.wait(20)
            except (AssertionError, OSError, subprocess.TimeoutExpired):
                os.killpg(process.pid, signal.SIGKILL)  # nobody has waited for it yet, so the number is still its own
                process.wait()


def _pipe(ours: ExitStack, its: ExitStack, *, is_ours_the_end_to_write: bool) -> tuple[int, int]:
    """The end of ours and that of the browser, which is out of the way of 3 and 4. Each is closed by its stack."""
    read, write = os.pipe()
    near, far = (write, read) if is_ours_the_end_to_write else (read, write)
    ours.callback(os.close, near)
    its.callback(os.close, far)
    moved = fcntl.fcntl(far, fcntl.F_DUPFD_CLOEXEC, 10)
    its.callback(os.close, moved)
    return near, moved
