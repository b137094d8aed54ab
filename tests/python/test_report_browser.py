# SPDX-License-Identifier: Apache-2.0
"""The report in headless Chromium, with WebGL in software. Skipped without Chromium, playwright, plotly or torch."""

import io
import os
import shutil
import time

import numpy as np
import pytest

import action_images as aim
from action_images.point_cloud import PointCloud
from action_images.simulation.scene import look_from

sync_api = pytest.importorskip("playwright.sync_api")
for package in ("torch", "plotly"):
    pytest.importorskip(package)
Image = pytest.importorskip("PIL.Image")

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("ACTION_IMAGES_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE = 300  # s, for machines that are busy
SIZE, FRAMES = 64, 5


def camera(angle, size=SIZE):
    """A camera on a circle that looks at a point above the table."""
    pose = look_from(np.array([0.9 * np.cos(angle), 0.9 * np.sin(angle), 0.7]), np.array([0, 0, 0.1]))
    intrinsics = [[size, 0, size / 2], [0, size, size / 2], [0, 0, 1]]
    return aim.Camera(intrinsics=intrinsics, world_from_camera=pose, width=size, height=size)


def rollout(views=2, moving=False, unknown=(), **changes):
    """A rollout of a gripper on an arc; every frame of its video has a grey of its own."""
    angles = np.linspace(-0.8, 0.8, views)
    cameras = [[camera(a + 0.1 * t) for t in range(FRAMES)] if moving else camera(a) for a in angles]
    rig, t = aim.Rig(cameras), np.linspace(0, 1, FRAMES)
    actions = np.stack([0.2 * t - 0.1, 0.1 * t, 0.3 - 0.2 * t, 0 * t + 3, 0.5 * t, 4 * t, 1 - t], axis=1)
    images = aim.encode(actions, rig)
    video = np.broadcast_to(np.linspace(40, 200, FRAMES).astype(np.uint8)[:, None, None, None], images.shape).copy()
    actions[list(unknown)] = np.nan
    random = np.random.default_rng(0)
    cloud = PointCloud(random.uniform(-0.3, 0.3, (500, 3)), random.integers(0, 256, (500, 3)))
    values = dict(video=video, action_images=images, actions=actions, confidence=np.linspace(1, 0.5, FRAMES), rig=rig,
                  settings={"task": "i2va", "prompt": "reach the red block", "seed": 3}, timings={"total": 1.25},
                  scene=cloud)  # fmt: skip
    return {**values, **changes}


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium found")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--enable-unsafe-swiftshader"])
        yield browser
        browser.close()


def opened(browser, file, **context):
    """A page with the report, all drawn; `page.faults` lists errors of the console and requests over a network."""
    page = browser.new_context(viewport=context.pop("viewport", {"width": 1280, "height": 800}), **context).new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.faults = []
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("request", lambda request: page.faults.append(request.url) if request.url.startswith("http") else None)
    page.goto(f"file://{file}")
    until(page, "performance.getEntriesByName('pictures').length + performance.getEntriesByName('figures').length > 1")
    return page


def eventually(condition, what):
    """Waits for `condition()` to be true; pictures come some time after the event that asks for them."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"still false: {what}"
        time.sleep(0.05)


def until(page, expression):
    """Waits for it to be true (playwright's own waiting evaluates text in the page, which the page forbids)."""
    eventually(lambda: page.evaluate(expression), expression)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Writes the report of a rollout; the same one is written once."""
    from action_images.presentation import write_report

    folder, written = tmp_path_factory.mktemp("report"), {}

    def write(name="plain", **changes):
        if name not in written:
            written[name] = folder / f"{name}.html"
            write_report(written[name], rollout(**changes))
        return written[name]

    return write


@pytest.fixture(scope="module")
def page(browser, report):
    return opened(browser, report())


def shows_grey(page, grey, view=0):
    """Waits until the player of the video has this grey."""
    eventually(lambda: np.allclose(middle(page, "video", view), grey, atol=6), f"view {view} has the grey {grey}")


def middle(page, kind, view):
    """RGB of the middle of what a player shows."""
    return page.evaluate(
        """([kind, view]) => { const canvas = document.querySelector(`canvas[data-kind=${kind}][data-view="${view}"]`);
        return [...canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 8, 1, 1).data].slice(0, 3); }""",
        [kind, view],
    )


def pictures(page, selector):
    return np.asarray(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB"))


def colours(picture):
    return len(np.unique(picture.reshape(-1, 3), axis=0))


def brightness(page, selector):
    return np.median(pictures(page, selector))


def gripper(page):
    """Where the 3-D scene has the gripper now."""
    return page.evaluate("(() => { const { x, y, z } = document.querySelector('#world').data.at(-1); return [x[0], y[0], z[0]]; })()")


def go_to(page, frame):
    page.evaluate(
        """(frame) => { const slider = document.querySelector("#slider");
        slider.value = frame; slider.dispatchEvent(new Event("input")); }""",
        frame,
    )
    until(page, f"!document.querySelector('#mosaic').seeking && report.shown === {frame}")


def test_it_loads_without_an_error_and_asks_nothing_of_a_network(page):
    assert page.faults == []
    assert page.locator("canvas[data-kind]").count() == 6
    assert page.evaluate("fetch('https://example.org').then(() => 'reached', () => 'refused')") == "refused"
    page.faults.clear()  # Chromium notes the refusal


def test_the_slider_moves_the_pictures_and_the_gripper_in_the_scene(page):
    expected = rollout()["actions"]
    for frame in (0, 3, FRAMES - 1):
        go_to(page, frame)
        grey = 40 + 160 * frame / (FRAMES - 1)
        for view in (0, 1):
            shows_grey(page, grey, view)
        until(page, f"Math.abs(document.querySelector('#world').data.at(-1).x[0] - {expected[frame, 0]}) < 1e-6")
        assert np.allclose(gripper(page), expected[frame, :3], atol=1e-6)
        until(page, f"document.querySelector('#courses').layout.shapes[0].x0 === {frame}")
    assert page.evaluate("counter.textContent") == f"frame {FRAMES} / {FRAMES}"


def test_the_pictures_of_the_scene_and_of_the_gripper_are_not_blank_and_follow(page):
    go_to(page, 0)
    until(page, f"document.querySelector('#world').data.at(-1).z[0] === {0.3}")
    eventually(lambda: colours(pictures(page, "#world")) > 100, "the scene has colours")
    page.wait_for_timeout(500)  # for the last of its parts
    first = pictures(page, "#world")
    go_to(page, FRAMES - 1)
    until(page, "document.querySelector('#world').data.at(-1).z[0] < 0.2")
    eventually(lambda: (first != pictures(page, "#world")).any(axis=2).sum() > 50, "the scene looks different")


def test_keys_step_and_go_to_the_ends(page):
    page.evaluate("document.activeElement.blur()")
    for key, frame in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", FRAMES - 1)):
        page.keyboard.press(key)
        assert page.evaluate("report.shown") == frame


def test_space_plays_and_stops(page):
    go_to(page, 0)
    page.keyboard.press(" ")
    until(page, "!document.querySelector('#mosaic').paused && report.shown > 0")
    page.keyboard.press(" ")
    until(page, "document.querySelector('#mosaic').paused")


def test_the_files_inside_are_those_that_the_library_reads(page, tmp_path):
    for name, read in (("trajectory.csv", aim.load_trajectory), ("rig.json", aim.load_rig)):
        with page.expect_download() as download:
            page.locator(f'a[download="{name}"]').click()
        download.value.save_as(tmp_path / name)
        assert len(read(tmp_path / name)) == {"trajectory.csv": FRAMES, "rig.json": 2}[name]
    assert np.array_equal(aim.load_trajectory(tmp_path / "trajectory.csv"), rollout()["actions"])


def test_a_phone_scrolls_only_downwards_and_keeps_the_slider_in_sight(browser, report):
    page = opened(browser, report(), viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#world").scroll_into_view_if_needed()
    assert page.locator("#slider").bounding_box()["y"] < 740
    page.context.close()


def test_dark_mode_changes_the_colours_of_page_and_figures(browser, report):
    light, dark = (opened(browser, report(), color_scheme=scheme) for scheme in ("light", "dark"))
    for selector in ("header", "#world", "#courses", ".controls"):
        eventually(lambda: brightness(light, selector) - brightness(dark, selector) > 50, f"{selector} differs")
    light.emulate_media(color_scheme="dark")
    until(light, "document.querySelector('#courses').layout.font.color === report.base().font.color")
    for page in (light, dark):
        page.context.close()


def test_without_webgl_the_scene_is_flat_and_says_so(browser, report):
    without = browser.browser_type.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-3d-apis"])
    page = opened(without, report())
    assert page.locator("#no-webgl").is_visible() and page.faults == []
    go_to(page, 2)
    until(page, "Math.abs(document.querySelector('#world').data.at(-1).x[0]) < 1e-6")
    eventually(lambda: colours(pictures(page, "#world")) > 20, "the scene has colours")
    without.close()


def test_a_video_that_cannot_be_played_leaves_the_rest_alive(browser, report, tmp_path):
    from action_images.presentation import write_report

    def no_video(path, frames, fps, crf):
        path.write_bytes(b"not a video")

    write_report(tmp_path / "report.html", rollout(), write_video=no_video)
    page = opened_without_pictures(browser, tmp_path / "report.html")
    assert page.locator("#no-video").is_visible()
    go_to(page, 2)
    until(page, "Math.abs(document.querySelector('#world').data.at(-1).x[0]) < 1e-6")
    page.context.close()


def opened_without_pictures(browser, file):
    page = browser.new_context().new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(f"file://{file}")
    until(page, "performance.getEntriesByName('figures').length > 0")
    return page


UNUSUAL = {
    "one view": dict(views=1),
    "three views that move, frames unknown": dict(views=3, moving=True, unknown=(0, 3)),
    "nothing decoded": dict(unknown=range(FRAMES)),
    "video alone": dict(action_images=None, actions=None, confidence=None, scene=None),
    "no cameras": dict(rig=None, scene=None),
    "evil words": dict(settings={"prompt": "</script><b>bold</b><script>document.title = 'taken'</script>"}),
    "estimated cameras": dict(settings={"cameras": {"estimated": "vggt"}}),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_it_shows_what_is_unusual(browser, report, name):
    page = opened(browser, report(name, **UNUSUAL[name]))
    go_to(page, 2)
    shows_grey(page, 120)
    assert page.faults == [] and page.evaluate("document.querySelector('b b') === null && document.title !== 'taken'")
    assert page.locator("canvas[data-kind=video]").count() == UNUSUAL[name].get("views", 2)
    if name == "evil words":
        assert page.locator("h1").inner_text().startswith("</script><b>bold")
    if name == "estimated cameras":
        assert "not metres" in page.locator("header .note").first.inner_text()
        assert page.evaluate("document.querySelector('#world').layout.scene.xaxis.title.text") == "x [scene units]"
    if name == "three views that move, frames unknown":
        corner = "document.querySelector('#world').data[0].x[0]"
        at_two = page.evaluate(corner)
        go_to(page, 4)
        until(page, f"{corner} !== {at_two}")
    page.context.close()
