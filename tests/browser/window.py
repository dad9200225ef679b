"""A Chromium window that knows what its pages did: what they wrote to the console, what they asked of whom."""

from __future__ import annotations

import base64
import json
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
WIDE = (1280, 1000)
PHONE = (390, 844)
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    '"><svg onload=alert(3)>',
    "</style></title></svg>",
    "javascript:alert(4)//",
)
"""Texts that become markup, or run, wherever one escape is forgotten."""


class Window:
    """One browser window.

    Args:
        browser, driver: Chromium and its chromedriver.
        profile: an empty folder.
        flags: of Chromium, besides those of all tests.
    """

    def __init__(self, browser: str, driver: str, profile: Path, *flags: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.driver.set_script_timeout(60)
        self.driver.set_page_load_timeout(60)
        self._did: list[dict[str, Any]] = []
        self._said: list[str] = []

    def close(self) -> None:
        """End the browser."""
        self.driver.quit()

    def open(self, page: Path, size: tuple[int, int] = WIDE, scheme: str = "light") -> None:
        """Open a file as a user does, with nothing chosen or remembered before."""
        width, height = size
        self._cdp(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE},
        )
        # Without motion a click lands where the page has been scrolled to.
        wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self._cdp("Emulation.setEmulatedMedia", {"features": features})
        # A page that is left still asks for its pictures until the next one stands.
        self.driver.get("about:blank")
        self._listen()
        self._did, self._said = [], []
        self.driver.get(page.as_uri())
        if self.run("try { localStorage.clear(); return true } catch { return false }"):
            self.run("delete document.documentElement.dataset.theme")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns (it may be async)."""
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1);"
            f"(async (...args) => {{ {script} }})(...given).then(done, (error) => done(`failed: ${{error}}`))",
            *arguments,
        )

    def all(self, selector: str) -> list[WebElement]:
        """The elements that a CSS selector names."""
        return self.driver.find_elements("css selector", selector)

    def complaints(self) -> list[str]:
        """What the console was told since the page was opened: errors, warnings, refusals of the policy."""
        self._listen()
        return list(self._said)

    def requests(self) -> list[str]:
        """The addresses that the page has asked for since it was opened, data: URLs cut short."""
        self._listen()
        sent = [event["params"]["request"]["url"] for event in self._did if event["method"].endswith("WillBeSent")]
        return [url[:40] if url.startswith("data:") else url for url in sent]

    def picture(self, element: WebElement) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """An element as it is drawn, uint8 [height, width, 3]."""
        box = self.run(
            "const b = args[0].getBoundingClientRect(); return [b.x + scrollX, b.y + scrollY, b.width, b.height]",
            element,
        )
        clip = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"scale": 1}
        shot = self._cdp("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        drawn = cv2.imdecode(np.frombuffer(base64.b64decode(shot["data"]), np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(drawn, np.uint8)

    def faults(self) -> list[str]:
        """What axe-core finds to be a serious or critical barrier, one line each.

        A chart is one picture with a name: its thousand marks are not looked at.
        """
        if not self.run("return !!window.axe"):
            axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
            self._cdp("Runtime.evaluate", {"expression": axe})
        found = self.run("return await axe.run({exclude: [['figure svg g']]}, {resultTypes: ['violations']})")
        return [
            f"{rule['id']} ({rule['impact']}): {node['html'][:160]} {node['failureSummary'][:200]}"
            for rule in found["violations"]
            if rule["impact"] in ("serious", "critical")
            for node in rule["nodes"][:3]
        ]

    def _cdp(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.driver.execute_cdp_cmd(command, arguments)
        return answer

    def _listen(self) -> None:
        self._did += [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        self._said += [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]
