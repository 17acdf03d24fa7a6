"""A real browser, Debian's Chromium, for the tests of pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
# root cannot use the sandbox; the others keep the browser from looking for its maker's hosts
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CONTRAST = """
const channels = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
const linear = c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
const light = colour => channels(colour).map(c => linear(c / 255))
  .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const paper = getComputedStyle(document.body).backgroundColor;
return Math.min(...[...document.querySelectorAll("h1, h2, p, .quiet, dt, dd")].map(element => {
  const [a, b] = [light(getComputedStyle(element).color), light(paper)].sort((x, y) => y - x);
  return (a + .05) / (b + .05);
}))
"""
"""The smallest contrast of text with the paper of the page."""


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """Yield a browser with an empty profile; the test is skipped if there is none."""
    if not BROWSER or not DRIVER:
        pytest.skip("chromium or its chromedriver is missing: apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def show_as(browser: webdriver.Chrome, width: int, scheme: str) -> None:
    """Give the browser a screen of a width in pixels and a colour scheme, light or dark."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
