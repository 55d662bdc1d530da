"""A headless Chromium, driven through its DevTools pipe: no driver, no socket, no package."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)  # fmt: skip
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu-sandbox", "--disable-extensions",
         "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars",
         "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
         "--remote-debugging-pipe", "--allow-file-access-from-files"]  # fmt: skip


class Page:
    """A tab: evaluate script in it, point, touch and press keys as a person does."""

    def __init__(self, commands: int, answers: int):
        self.commands, self.answers = commands, answers
        self.count, self.rest, self.session = 0, b"", ""
        self.requests: list[str] = []
        self.errors: list[str] = []

    def call(self, method: str, **parameters: Any) -> Any:
        """Send a command of the DevTools protocol; return its result."""
        self.count += 1
        message: dict[str, Any] = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self.count:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            if not (more := os.read(self.answers, 1 << 20)):
                raise RuntimeError("the browser has gone")
            self.rest += more
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(event["params"]["request"]["url"][:100])
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(event["params"]["exceptionDetails"]))
        if event.get("method") == "Runtime.consoleAPICalled" and event["params"]["type"] == "error":
            self.errors.append(json.dumps(event["params"]["args"]))

    def run(self, script: str) -> Any:
        """Value of an expression; promises are waited for."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                          awaitPromise=True)  # fmt: skip
        if "exceptionDetails" in found:
            raise RuntimeError(f"{script[:80]}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def drawn(self) -> None:
        """Wait until what was changed is drawn."""
        self.run("new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)))")

    def open(self, path: Path, width: int = 1200, height: int = 800, **device: Any) -> None:
        """Load a file at a size, in a device: `mobile`, `deviceScaleFactor`; `dark`."""
        dark, mobile = device.pop("dark", False), device.pop("mobile", False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, mobile=mobile,
                  deviceScaleFactor=device.pop("deviceScaleFactor", 1))  # fmt: skip
        self.call("Emulation.setTouchEmulationEnabled", enabled=mobile)
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.run("""new Promise((f) => document.readyState === 'complete' ? f()
                    : addEventListener('load', f))""")
        self.drawn()

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """A PNG of what is seen, or of the whole page."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse."""
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1,
                      clickCount=1)  # fmt: skip
        self.drawn()

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 4) -> None:
        """Move the mouse with its button pressed."""
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1],
                  button="left", buttons=1, clickCount=1)  # fmt: skip
        for k in range(1, steps + 1):
            x, y = (a + (b - a) * k / steps for a, b in zip(start, end))
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left",
                      buttons=1)  # fmt: skip
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1],
                  button="left", buttons=0, clickCount=1)  # fmt: skip
        self.drawn()

    def touch(self, *moments: list[tuple[float, float]]) -> None:
        """Fingers on the glass, moment after moment, then off it."""
        for k, fingers in enumerate(moments):
            points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(fingers)]
            kind = "touchMove" if k else "touchStart"
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.drawn()

    def key(self, name: str) -> None:
        """Press and release a key."""
        text = {"text": name} if len(name) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name)
        self.drawn()


@contextmanager
def browser() -> Iterator[Page]:
    """A tab of a Chromium of its own, which ends with the block."""
    commands, answers = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        child = subprocess.Popen(
            # the protocol's file descriptors are 3 and 4
            ["bash", "-c", f'exec "$@" 3<&{commands[0]} 4>&{answers[1]}', "bash", str(CHROMIUM),
             *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(commands[0], answers[1]), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands[0])
        os.close(answers[1])
        page = Page(commands[1], answers[0])
        try:
            targets = page.call("Target.getTargets")["targetInfos"]
            (tab,) = (t["targetId"] for t in targets if t["type"] == "page")
            attached = page.call("Target.attachToTarget", targetId=tab, flatten=True)
            page.session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Network"):
                page.call(f"{domain}.enable")
            yield page
        finally:
            child.terminate()
            child.wait(20)
            os.close(commands[1])
            os.close(answers[0])
