"""The page of a report in headless Chromium: what it asks for, complains of, and looks like."""

import os
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pages
import pytest
import workload

from kvprep.report import page
from kvprep.report.facts import Facts

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PROGRAM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(PROGRAM is None, reason=f"no browser found as {', '.join(NAMES)} or in $CHROMIUM")

CONTRASTS = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("title, style")) continue;
    const style = getComputedStyle(element);
    const front = parse(element.closest("svg") ? style.fill : style.color);
    const [high, low] = [luminance(front), luminance(behind(element))].sort((a, b) => b - a);
    found.push([(high + 0.05) / (low + 0.05), walker.currentNode.data.trim()]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        # A container's root has no sandbox of its own; the pages are ours.
        opened = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, with the paths that it is asked for."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    # In threads: a browser keeps connections open on which it asks for nothing, and one thread would wait for them.
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


class Opened:
    """A page in a browser, with what it said and asked for."""

    def __init__(self, browser: Any, text: str, folder: Path, **settings: Any) -> None:
        self.path = folder / "report.html"
        self.path.write_text(text, encoding="utf-8")
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page = browser.new_context(**settings).new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(self.path.as_uri(), wait_until="load")


def test_no_request_leaves_the_page_and_nothing_is_complained_of(
    browser: Any, facts: Facts, tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    address, asked = listener
    named = pages.with_names(facts, pages.hostile_names(address))
    opened = Opened(browser, page.draw(named, now=workload.NOW), tmp_path)
    for each in opened.page.query_selector_all("summary"):
        each.click()
    opened.page.hover(".day >> nth=3")
    assert opened.said == []
    assert opened.requests == [opened.path.as_uri()]
    assert asked == []


def test_the_policy_would_stop_what_slipped_through(
    browser: Any, facts: Facts, tmp_path: Path, listener: tuple[str, list[str]]
) -> None:
    address, asked = listener
    slipped = "".join(pages.hostile_names(address)[:7])
    text = page.draw(facts, now=workload.NOW).replace("</main>", f"{slipped}</main>")
    opened = Opened(browser, text, tmp_path)
    assert any("Content Security Policy" in line for line in opened.said)
    assert asked == []
    Opened(browser, f"<img src={address}/control>", tmp_path)
    assert asked == ["/control"], "the listener would have heard it"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_it_lies_on(browser: Any, facts: Facts, tmp_path: Path, scheme: str) -> None:
    opened = Opened(browser, page.draw(facts, now=workload.NOW), tmp_path, color_scheme=scheme)
    opened.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = opened.page.evaluate(CONTRASTS)
    assert len(found) > 300
    assert [each for each in found if each[0] < 4.5] == []


def test_light_and_dark_differ_and_paper_is_always_light(browser: Any, facts: Facts, tmp_path: Path) -> None:
    opened = Opened(browser, page.draw(facts, now=workload.NOW), tmp_path, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = opened.page.evaluate(ground)
    opened.page.emulate_media(color_scheme="dark")
    assert opened.page.evaluate(ground) != light
    opened.page.emulate_media(color_scheme="dark", media="print")
    assert opened.page.evaluate(ground) == "rgb(255, 255, 255)"
    assert not opened.page.is_visible("nav")


@pytest.mark.parametrize("width", [320, 400, 768, 1400])
def test_no_width_makes_the_page_scroll_sideways(browser: Any, facts: Facts, tmp_path: Path, width: int) -> None:
    named = pages.with_names(pages.with_documents(facts, 60), pages.hostile_names("http://evil.example"))
    text = page.draw(named, now=workload.NOW)
    opened = Opened(browser, text, tmp_path, viewport={"width": width, "height": 800})
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width


def test_everything_is_reached_by_keyboard_and_shows_that_it_is(browser: Any, facts: Facts, tmp_path: Path) -> None:
    opened = Opened(browser, page.draw(facts, now=workload.NOW), tmp_path)
    reached = []
    for _ in range(60):
        opened.page.keyboard.press("Tab")
        reached.append(
            opened.page.evaluate(
                "[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]"
            )
        )
        if reached[-1][0] == "BODY":
            break
    seen = [each for each in reached if each[0] != "BODY"]
    assert {"A", "SUMMARY", "DIV"} <= {name for name, _ in seen}
    assert all(outline == "solid" for _, outline in seen)
    assert len([name for name, _ in seen if name == "SUMMARY"]) == opened.page.locator("summary").count()


def test_charts_are_drawn_where_they_can_be_seen(browser: Any, facts: Facts, tmp_path: Path) -> None:
    for days in (1, 2, 31):
        opened = Opened(browser, page.draw(pages.with_last_days(facts, days), now=workload.NOW), tmp_path)
        boxes = [svg.bounding_box() for svg in opened.page.query_selector_all("svg.chart")]
        assert len(boxes) == 6
        assert all(box["width"] > 200 and box["height"] > 150 for box in boxes)
        # By its role and name, as a screen reader finds it.
        assert opened.page.get_by_role("img", name="Hit rate by day").count() == 1
