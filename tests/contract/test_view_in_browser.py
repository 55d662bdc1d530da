"""The 3-D page in a real browser: it draws, turns, picks, scrubs, and works by keys and touch.

Chromium draws in software here. Its time per frame is told by `pytest -rP`.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from helpers.browser import CHROMIUM, Page, browser
from helpers.view import SLOPES, SPEED_MM_PER_MS, prediction_of, seen_patient, with_scar
from PIL import Image

from einthoven.app.report.viewer.viewer_page import write_view
from einthoven.base.core.names import STANDARD_ELECTRODES

pytestmark = [
    pytest.mark.slow,  # drawing in software
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian: apt install chromium)"),
]
WIDTH, HEIGHT = 560, 420
PHONE = {"width": 360, "height": 640, "mobile": True, "deviceScaleFactor": 1}


@pytest.fixture(scope="module")
def view(tmp_path_factory) -> Path:
    """The page of the idealised patient, FEM and a prediction."""
    folder = tmp_path_factory.mktemp("browser")
    patient = seen_patient(("sinus", "lbbb"))
    write_view(folder / "heart.html", patient, prediction_of(patient, folder / "prediction.npz"))
    return folder / "heart.html"


@pytest.fixture(scope="module")
def tab():
    with browser() as page:
        yield page


@pytest.fixture
def page(tab: Page, view: Path) -> Page:
    """State after loading: light theme, desktop size; loaded anew after tests of other devices."""
    if not tab.run("'first' in window"):
        tab.open(view, WIDTH, HEIGHT)
        tab.run("window.first = { ...einthoven.state }")
    tab.run("einthoven.set(first); scrollTo(0, 0); einthoven.view.look('front')")
    tab.run("einthoven.view.frame('heart')")
    tab.drawn()
    return tab


def state(page: Page, key: str):
    return page.run(f"einthoven.state.{key}")


def place_of(page: Page, electrode: str) -> tuple[float, float]:
    """Pixels of the window."""
    k = STANDARD_ELECTRODES.index(electrode)
    found = page.run(f"""(() => {{
        const {{ canvas }} = einthoven.view, box = canvas.getBoundingClientRect();
        const [x, y] = einthoven.view.project(einthoven.electrodes, {k});
        return [box.x + x, box.y + y]; }})()""")
    return found[0], found[1]


def middle(page: Page) -> tuple[float, float]:
    """Size of the picture, in pixels of the window."""
    box = page.run("(({x, y, width, height}) => [x + width / 2, y + height / 2])"
                   "(einthoven.view.canvas.getBoundingClientRect())")  # fmt: skip
    return box[0], box[1]


def picture(page: Page, tmp_path: Path) -> np.ndarray:
    """[row, column, 3] of the stage as it is seen."""
    page.screenshot(tmp_path / "page.png")
    x, y, width, height = page.run("(({x, y, width, height}) => [x, y, width, height])"
                                   "(einthoven.view.canvas.getBoundingClientRect())")  # fmt: skip
    whole = Image.open(tmp_path / "page.png").convert("RGB")
    return np.asarray(whole.crop((x + 2, y + 2, x + width - 2, min(y + height, HEIGHT) - 2)), int)


def saturated(image: np.ndarray) -> float:
    """Share of the picture in strong colours: of the maps, not of torso or background."""
    return float((np.ptp(image, axis=2) > 60).mean())


def test_it_draws_the_heart_and_asks_for_no_other_file(page, view, tmp_path) -> None:
    page.run("einthoven.set({ time: 90 })")
    page.drawn()
    assert not page.errors and set(page.requests) == {view.as_uri()[:100]}
    late = picture(page, tmp_path)
    assert saturated(late) > 0.03
    page.run("einthoven.set({ time: 0 })")
    page.drawn()
    early = picture(page, tmp_path)
    assert saturated(early) < 0.3 * saturated(late)  # what is at rest is grey
    page.run("einthoven.set({ show: 'field' })")
    page.drawn()
    assert saturated(picture(page, tmp_path)) > 0.03


def test_a_drag_turns_and_a_click_does_not(page) -> None:
    x, y = middle(page)
    before = page.run("einthoven.view.table.theta")
    page.drag((x, y), (x - 60, y))
    turned = page.run("einthoven.view.table.theta")
    height = page.run("einthoven.view.canvas.clientHeight")
    assert turned - before == pytest.approx(np.pi * 60 / height, rel=0.3)  # a tap's first pixels
    page.click(x, y)
    assert page.run("einthoven.view.table.theta") == turned


def test_a_click_picks_an_electrode_and_a_place_of_the_heart(page) -> None:
    page.run("einthoven.view.frame('torso')")
    page.drawn()
    page.click(*place_of(page, "V1"))
    assert STANDARD_ELECTRODES[state(page, "electrode")] == "V1"
    assert state(page, "show") == "field" and state(page, "arrows")
    assert page.run("document.querySelector('[name=electrode]:checked').value") == "3"
    page.run("einthoven.view.table.turn(2.4, 0); einthoven.view.frame('heart')")  # no electrode
    page.drawn()
    page.click(*middle(page))
    node, words = state(page, "probe"), page.run("document.getElementById('words').textContent")
    assert isinstance(node, int)
    assert "activated at" in words and "angle 10.0°" in words
    told = float(words.split("|∇Z| ")[1].split(" ")[0])
    assert told == pytest.approx(1e3 * np.linalg.norm(SLOPES[3]), rel=0.05)


def test_the_switch_compares_methods(page) -> None:
    page.run("document.querySelector('[name=method][value=error]').click()")
    page.drawn()
    assert state(page, "method") == "error"
    assert page.run("document.getElementById('legend-title').textContent") == (
        "angle between FEM and operator, electrode V2 (degrees)"
    )
    page.run("document.querySelector('[name=method][value=\"1\"]').click()")
    page.drawn()
    assert page.run("document.getElementById('legend-title').textContent").endswith(
        "operator (Ω/mm)"
    )
    both = page.run("einthoven.view.arrows[0].map(({ mesh }) => mesh.visible)")
    assert both == [False, True]


def test_scrubbing_moves_front_and_cursor(page) -> None:
    share = "parseInt(document.getElementById('words').textContent.split(': ')[1])"
    slider = "document.getElementById('time')"
    told = []
    for time in (20, 70):
        page.run(f"{slider}.value = {time}; {slider}.dispatchEvent(new Event('input'))")
        page.drawn()
        assert state(page, "time") == time
        assert page.run(f"{slider}.getAttribute('aria-valuetext')") == f"{time} milliseconds"
        told.append(page.run(share))
    assert told[0] < told[1] <= 100
    page.run("document.getElementById('ecg').scrollIntoView(); 0")
    box = page.run("(({x, y, width, height}) => [x, y, width, height])"
                   "(document.getElementById('ecg').getBoundingClientRect())")  # fmt: skip
    first, last = state(page, "window")
    page.click(box[0] + box[2] / 8, box[1] + box[3] / 2)  # half of a lead's width
    assert state(page, "time") == pytest.approx((first + last) / 2, abs=0.02 * (last - first))
    assert last < 90 / SPEED_MM_PER_MS + 60 + 1


def test_all_works_by_keys(page) -> None:
    page.run("einthoven.view.canvas.focus(); einthoven.set({ time: 40 })")
    for key, script, value in [
        ("9", "electrode", 8), ("e", "method", "error"), ("s", "method", 1), ("f", "method", 0),
        ("a", "show", "activation"), ("l", "show", "field"), (".", "time", 41), (",", "time", 40),
        ("i", "surface", "endocardium"), ("i", "surface", "outer"),
    ]:  # fmt: skip
        page.key(key)
        assert state(page, script) == value, key
    distance = page.run("einthoven.view.table.distance")
    page.key("+")
    assert page.run("einthoven.view.table.distance") < distance
    theta = page.run("einthoven.view.table.theta")
    page.key("ArrowRight")
    assert page.run("einthoven.view.table.theta") > theta
    page.key("Enter")
    assert state(page, "probe") is not None or state(page, "electrode") != 8
    page.key(" ")
    page.run("new Promise((f) => setTimeout(f, 300))")
    page.key(" ")
    assert state(page, "time") > 40 and not state(page, "playing")
    nameless = "(e) => !(e.textContent || e.ariaLabel || e.labels?.length)"
    all_controls = "[...document.querySelectorAll('button, input, select, canvas')]"
    assert page.run(f"{all_controls}.filter({nameless}).length") == 0


def test_frames_per_second_are_told(page) -> None:
    rate = page.run("einthoven.measure(12)")
    print(f"{rate:.1f} frames per second in software, load {os.getloadavg()[0]:.1f}")
    assert rate > 0.5


def test_it_is_light_and_dark(tab, view, tmp_path) -> None:
    means = []
    for dark in (False, True):
        tab.open(view, WIDTH, HEIGHT, dark=dark)
        means.append(picture(tab, tmp_path).mean())
    assert means[0] > 180 > 90 > means[1]
    assert not tab.errors


def test_a_phone_turns_zooms_and_reads_it(tab, view) -> None:
    tab.open(view, **PHONE)
    assert tab.run("document.documentElement.scrollWidth") <= PHONE["width"]
    x, y = middle(tab)
    theta, distance = (tab.run(f"einthoven.view.table.{k}") for k in ("theta", "distance"))
    tab.touch([(x, y)], [(x + 15, y)], [(x + 40, y)])
    assert tab.run("einthoven.view.table.theta") < theta
    tab.touch([(x - 20, y), (x + 20, y)], [(x - 40, y), (x + 40, y)])
    assert tab.run("einthoven.view.table.distance") == pytest.approx(distance / 2, rel=0.05)
    tab.run("einthoven.view.look('front'); einthoven.view.frame('torso')")
    tab.drawn()
    at = place_of(tab, "LL")
    tab.touch([at])
    assert STANDARD_ELECTRODES[state(tab, "electrode")] == "LL"
    heights = tab.run("[...document.querySelectorAll('fieldset label, button')]"
                      ".map((e) => e.getBoundingClientRect().height)")  # fmt: skip
    assert min(height for height in heights if height) >= 36


def test_times_bend_by_their_gradients(page: Page):
    """Activation of the ideal patient rises along z: its slope on the surface is the tangent's."""
    outer = "einthoven.view.hearts.outer"
    slope, normal = (
        np.array(page.run(f"[...{array}]")).reshape(-1, 3)
        for array in (f"{outer}.mesh.geometry.attributes.slope.data", f"{outer}.normals")
    )
    up = np.array([0.0, 1.0, 0.0])  # z of the patient is y of the screen
    wanted = (up - normal * (normal @ up)[:, None]) / SPEED_MM_PER_MS
    used = np.linalg.norm(slope, axis=1) > 0
    assert used.sum() > 100
    assert np.median(np.linalg.norm(slope - wanted, axis=1)[used]) < 0.05


def test_the_body_is_seen_at_first(view: Path, tab: Page):
    tab.open(view, WIDTH, HEIGHT)
    at_first = tab.run("einthoven.view.table.distance")
    tab.run("einthoven.view.frame('heart')")
    assert at_first > 1.5 * tab.run("einthoven.view.table.distance")


def test_the_layer_of_a_scar_is_switched_on_by_box_and_key(tab, page, tmp_path) -> None:
    assert page.run("getComputedStyle(document.getElementById('scar').parentElement).display") == (
        "none"
    )
    write_view(tmp_path / "scar.html", with_scar(seen_patient()))
    tab.open(tmp_path / "scar.html", WIDTH, HEIGHT)
    tab.run("einthoven.set({ time: 0, torso: false })")
    tab.run("einthoven.view.frame('heart')")
    tab.drawn()
    grey = saturated(picture(tab, tmp_path))
    tab.run("document.getElementById('scar').click()")
    tab.drawn()
    assert state(tab, "scar") and not tab.errors
    red = picture(tab, tmp_path)
    assert saturated(red) > grey + 0.05
    tab.run("einthoven.set({ scar: false })")
    tab.run("document.getElementById('view').focus()")
    tab.key("d")
    assert state(tab, "scar")
