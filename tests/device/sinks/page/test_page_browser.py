"""The live page in a real browser."""

from __future__ import annotations

import http.server
import threading
import time
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
from chromium import CHROMIUM, Browser
from fakes import observed
from live_page import LABELS, FakeModel, moving, served_page, wait_until

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.sinks.page.endpoint import Endpoint
from edgetl.device.sinks.video.file import VideoFile
from edgetl.vision.results import Classification

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

HOSTILE = "<img src=x onerror=\"document.title='owned'\">&amp;"
PICTURE = "document.querySelector('canvas')"
MOVED = f"""(() => {{
  const {{ width, height }} = {PICTURE};
  const data = {PICTURE}.getContext('2d').getImageData(0, 100, width, 100).data;
  let sum = 0, at = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i] > 200) {{ sum += (i / 4) % width; at += 1; }}
  return at ? sum / at : -1;
}})()"""
"""JavaScript for the distance of the bright square from the left, px."""
NAMELESS = ("button", "slider", "checkbox", "searchbox", "textbox", "link")
CONTRASTS = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.8) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest('canvas, noscript, .hidden')) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    found.push([node.textContent.trim().slice(0, 40), (a + 0.05) / (b + 0.05)]);
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def tab():
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(tab):
    tab.resize(1280, 900)
    tab.prefer(dark=False)
    yield tab
    tab.call("Page.navigate", url="about:blank")


def opened(browser, page, state="Live"):
    browser.open(page.endpoint.url())
    browser.until(f"{PICTURE}.dataset.shown > 2 && document.querySelector('#state').textContent === '{state}'")


def test_the_picture_moves_and_the_state_is_live(browser):
    with served_page() as (page, *_):
        opened(browser, page)
        first = browser.js(MOVED)
        assert first >= 0
        wait_until(lambda: abs(browser.js(MOVED) - first) > 30)
        assert browser.js(f"[{PICTURE}.width, {PICTURE}.height]") == [640, 480]
        assert browser.text("#model") == "parts"
        browser.until("document.querySelectorAll('#results .share').length === 2")
        assert browser.text("#results").split() == ["bolt", "90", "%", "nut", "50", "%"]
        browser.until("Number(document.querySelector('#fps').textContent) > 5")
        assert browser.text("#invoke") == "3.1 ms"
        assert browser.errors == []
        assert {url for url in browser.requests if not url.startswith((page.endpoint.url(), "about:"))} == set()


def test_the_slider_changes_the_results_within_a_second(browser):
    with served_page() as (page, model, *_):
        opened(browser, page)
        browser.until("document.querySelectorAll('#results .share').length === 2")
        assert browser.text("#threshold-shown") == "25 %"
        browser.js("document.querySelector('#threshold').focus()")
        start = time.monotonic()
        browser.press("End", 35)
        browser.until("document.querySelector('#results').innerText === 'Nothing found.'", 2)
        assert time.monotonic() - start < 1
        assert model.filter.threshold == 1
        assert browser.text("#threshold-shown") == "100 %"
        for _ in range(20):
            browser.press("ArrowLeft", 37)
        browser.until("document.querySelectorAll('#results .share').length === 1", 2)
        wait_until(lambda: model.filter.threshold == pytest.approx(0.8))
        browser.click("#own")
        browser.until("document.querySelectorAll('#results .share').length === 2", 2)
        assert model.filter.threshold is None
        assert browser.errors == []


def test_chosen_classes_apply_and_settings_of_another_viewer_are_shown(browser):
    with served_page() as (page, model, *_):
        opened(browser, page)
        ticked = "[...document.querySelectorAll('#classes :checked')].length"
        assert browser.js(ticked) == len(LABELS), "all of them count"
        browser.click("#none")
        browser.until("document.querySelector('#results').innerText.startsWith('Nothing found')", 2)
        assert model.filter.classes == ()
        assert (browser.js(ticked), browser.text("#classes-shown")) == (0, "none")
        browser.click(f"#classes li:nth-child({LABELS.index('nut') + 1}) label")
        browser.until("document.querySelector('#results').innerText.startsWith('nut')", 2)
        assert model.filter.classes == ("nut",)
        assert browser.text("#classes-shown") == "1 chosen"
        browser.click("#all")
        browser.until("document.querySelectorAll('#results .share').length === 2", 2)
        assert model.filter.classes is None
        assert browser.js(ticked) == len(LABELS)
        model.update(lambda chosen: replace(chosen, threshold=0.6, classes=("bolt", "gear")))
        browser.until("document.querySelector('#threshold-shown').textContent === '60 %'", 5)
        assert browser.js("[...document.querySelectorAll('#classes :checked')].length") == 2


def test_own_thresholds_of_the_classes_are_shown_as_a_range_and_in_the_list(browser):
    model = FakeModel()
    own = (0.31, 0.4, 0.5, 0.62, 0.35, 0.45)
    model.card = replace(model.card, decoding=replace(model.card.detector, thresholds=own))
    with served_page(model=model) as (page, *_):
        opened(browser, page)
        assert browser.text("#threshold-shown") == "31 to 62 %"
        assert "each class" in browser.text("#own-note")
        assert browser.text(f"#classes li:nth-child({LABELS.index('nut') + 1}) .own") == "62 %"
        browser.js("const s = document.querySelector('#threshold'); s.value = 0.7; s.dispatchEvent(new Event('input'))")
        browser.until("document.querySelector('#threshold-shown').textContent === '70 %'", 2)
        assert not browser.js("document.querySelector('#classes .own').checkVisibility({visibilityProperty: true})")
        browser.click("#own")
        browser.until("document.querySelector('#threshold-shown').textContent === '31 to 62 %'", 2)


def test_pause_stops_the_picture_of_this_viewer_only(browser):
    with served_page() as (page, _, _, run):
        opened(browser, page)
        browser.click("#pause")
        assert browser.js("document.querySelector('#pause').getAttribute('aria-pressed')") == "true"
        assert browser.text("#pause") == "Resume"
        browser.until("document.querySelector('#state').textContent === 'Paused'")
        time.sleep(0.3)
        still, results, encoded = (
            browser.js(f"{PICTURE}.dataset.shown"),
            len(run.results),
            page._server._pictures.encoded,
        )
        time.sleep(0.7)
        assert browser.js(f"{PICTURE}.dataset.shown") == still
        assert page._server._pictures.encoded == encoded
        assert len(run.results) > results + 5
        browser.js("document.querySelector('#pause').focus()")
        browser.press(" ", 32)
        browser.until(
            f"{PICTURE}.dataset.shown > {still} + 2 && document.querySelector('#state').textContent === 'Live'"
        )


def test_a_snapshot_is_saved(browser, tmp_path):
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    with served_page() as (page, *_):
        opened(browser, page)
        browser.click("#snapshot")
        browser.until("document.querySelector('#message').textContent.startsWith('Saved edgetl-')")
        (saved,) = wait_until(lambda: list(tmp_path.glob("edgetl-*.jpg")))
        assert cv2.imread(str(saved)).shape == (480, 640, 3)


def test_an_old_picture_a_lost_camera_and_its_return_are_shown(browser):
    with served_page(stall=4) as (page, _, status, run):
        opened(browser, page)
        run.flowing.clear()
        browser.until("document.querySelector('#state').textContent === 'Picture is old'", 5)
        assert "This picture is old: it came" in browser.text("#notice")
        assert browser.js("document.querySelector('.frame').hasAttribute('data-old')")
        browser.until("document.querySelector('#state').textContent === 'Camera lost'", 6)
        assert "The camera is lost: its last picture came" in browser.text("#notice")
        page.notify(Event("camera_back", time.monotonic(), "the camera is back after 6 s"))
        run.flowing.set()
        browser.until("document.querySelector('#state').textContent === 'Live'", 4)
        assert browser.js("document.querySelector('#notice').hidden")
        assert "the camera is back after 6 s" in browser.text("#events")
        status.camera_lost()
        run.flowing.clear()
        status.camera_lost()
        browser.until("document.querySelector('#state').textContent === 'Camera lost'", 2)


@pytest.mark.slow
def test_a_device_that_does_not_answer_and_its_return_are_shown(browser):
    with served_page() as (page, *_):
        opened(browser, page)
        port = page.endpoint.port
    browser.until("document.querySelector('#state').textContent === 'No connection'", 6)
    with served_page(Endpoint(port=port)):
        browser.until("document.querySelector('#state').textContent === 'Live'", 15)
        before = browser.js(f"{PICTURE}.dataset.shown")
        browser.until(f"{PICTURE}.dataset.shown > {before}", 10)


def test_a_hidden_page_requests_no_pictures(browser):
    with served_page() as (page, *_):
        opened(browser, page)
        hide = "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}});"
        notify = "document.dispatchEvent(new Event('visibilitychange'))"
        browser.js(hide.format("true") + notify)
        time.sleep(0.5)
        encoded = page._server._pictures.encoded
        time.sleep(0.6)
        assert page._server._pictures.encoded == encoded
        before = browser.js(f"{PICTURE}.dataset.shown")
        browser.js(hide.format("false") + notify)
        browser.until(f"{PICTURE}.dataset.shown > {before}")


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (768, 1024), (1280, 900), (1920, 1080)])
def test_no_width_needs_sideways_scrolling(browser, width, height):
    labels = ("x" * 60, "a label of many words that goes on and on", *LABELS[2:])

    def scene(index):
        picture, rows = moving(index, (1280, 720))
        return picture, [(labels[number], score, box) for number, (_, score, box) in enumerate(rows)]

    with served_page(scene=scene, model=FakeModel(labels, "a-model-of-a-rather-long-name-" * 2)) as (page, *_):
        browser.resize(width, height, phone=width < 500)
        page.notify(Event("entered", time.monotonic(), "y" * 80))
        opened(browser, page)
        browser.until(
            "document.querySelectorAll('#results .share').length === 2 && document.querySelector('#events li')"
        )
        assert browser.js("document.documentElement.scrollWidth <= innerWidth")
        cut = "[...document.querySelectorAll('button, input:not([hidden])')].filter((e) => e.checkVisibility())"
        assert browser.js(f"{cut}.every((e) => e.getBoundingClientRect().right <= innerWidth)")
        assert browser.js("[...document.querySelectorAll('button')].filter((e) => e.checkVisibility()).length") >= 2


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_has_a_contrast_of_at_least_4_5(browser, dark):
    browser.prefer(dark=dark)
    with served_page() as (page, _, _, run):
        opened(browser, page)
        browser.click("#classes label")
        run.flowing.clear()
        browser.until("document.querySelector('#state').textContent === 'Camera lost'", 6)
        found = dict(browser.js(CONTRASTS))
        assert len(found) > 25
        assert {text: round(ratio, 2) for text, ratio in found.items() if ratio < 4.5} == {}


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(browser):
    labels = [f"class {number}" for number in range(20)]
    scene = lambda index: (moving(index)[0], [("class 3", 0.9, (1, 1, 50, 50))])  # noqa: E731
    with served_page(scene=scene, model=FakeModel(labels)) as (page, *_):
        opened(browser, page)
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        named = [
            (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]
        ]
        assert [role for role, name in named if role in NAMELESS and not name] == []
        assert ("slider", "Score threshold") in named
        assert ("checkbox", "class 3") in named
        assert any(role == "searchbox" and name == "Find a class" for role, name in named)
        browser.js("document.activeElement.blur()")
        reached = []
        for _ in range(6):
            browser.press("Tab", 9)
            reached.append(browser.js("document.activeElement.id || document.activeElement.type"))
            outline = browser.js("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", reached
        assert reached[:4] == ["pause", "snapshot", "threshold", "search"]
        browser.js("document.querySelector('#search').focus()")
        for letter in "19":
            browser.press(letter, ord(letter))
        shown_boxes = "[...document.querySelectorAll('#classes li')].filter((e) => !e.hidden).map((e) => e.innerText)"
        assert browser.js(shown_boxes) == ["class 19"]


def test_markup_in_labels_and_events_is_shown_as_text(browser):
    labels = (HOSTILE, "nut")
    scene = lambda index: (moving(index)[0], [(HOSTILE, 0.9, (1, 1, 50, 50))])  # noqa: E731
    with served_page(scene=scene, model=FakeModel(labels, HOSTILE)) as (page, *_):
        page.notify(Event("entered", time.monotonic(), HOSTILE))
        opened(browser, page)
        browser.until("document.querySelector('#events li') && document.querySelector('#results .share')")
        assert HOSTILE in browser.text("#results")
        assert HOSTILE in browser.text("#classes")
        assert HOSTILE in browser.text("#events")
        assert browser.js("document.querySelectorAll('main img').length") == 0
        assert browser.errors == []


def test_the_token_form_opens_the_page_and_the_token_leaves_the_address(browser):
    token = "a-token-of-a-test-1234"
    with served_page(Endpoint(port=0, token=token)) as (page, *_):
        browser.open(page.endpoint.url())
        browser.until("document.querySelector('#token')")
        browser.js("document.querySelector('#token').focus()")
        for letter in token:
            browser.press(letter, ord(letter.upper()))
        browser.press("\r", 13)
        browser.until(f"{PICTURE}?.dataset.shown > 2 && document.querySelector('#state').textContent === 'Live'")
        assert browser.js("location.href") == page.endpoint.url()
        assert browser.js("document.cookie") == ""


@pytest.mark.slow
def test_another_run_with_a_token_shows_the_token_form(browser):
    with served_page() as (page, *_):
        opened(browser, page)
        port = page.endpoint.port
    with served_page(Endpoint(port=port, token="a-token-of-a-test-1234")):
        browser.until("document.querySelector('#token')", 20)


def test_a_saved_film_plays_in_the_browser(browser, tmp_path):
    with VideoFile(tmp_path / "film.mp4", fps=25.0) as sink:
        for index in range(25):
            picture, _ = moving(index, (320, 240))
            nothing = Classification(np.zeros(0, int), np.zeros(0, np.float32), ())
            sink.write(observed(Frame(picture, index / 25, index), nothing))
    (tmp_path / "index.html").write_text("<video src=film.mp4 muted autoplay></video>")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.open(f"http://127.0.0.1:{server.server_port}/")
        if not browser.js("document.querySelector('video').canPlayType('video/mp4; codecs=\"avc1.42E01E\"')"):
            pytest.skip("this browser was built without H.264")
        browser.until("document.querySelector('video').ended", 10)
        size = browser.js("[document.querySelector('video').videoWidth, document.querySelector('video').videoHeight]")
        assert size == [320, 240]
        server.shutdown()
