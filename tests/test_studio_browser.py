"""The studio in a real browser, over the drawn sample: what people click, type and see.

With GOESWITH_SHOTS=FOLDER the tests write a picture of each page there, on a desk in light colours and
on a phone in dark ones, of a model that was trained for longer.
"""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SCRIPT = "<script>document.title = 'broken in'</script>"
PATIENCE = 60_000
"""Milliseconds: two busy cores are slow."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A studio over a small drawn sample and a model that was trained for a few seconds."""
    if not CHROMIUM:
        pytest.skip("there is no chromium here; on Debian: apt-get install chromium")
    pytest.importorskip("playwright", reason="playwright is not installed: pip install 'goeswith[dev]'")
    pytest.importorskip("efficientnet_lite_pytorch", reason="the encoders are not installed")
    import uvicorn

    from goeswith.dataset import Dataset, create
    from goeswith.encoders import encode
    from goeswith.freezing import freeze
    from goeswith.indexing import build_index
    from goeswith.readers import read
    from goeswith.run import train
    from goeswith.studio.app import create_app

    folder = tmp_path_factory.mktemp("browser")
    shown = bool(os.environ.get("GOESWITH_SHOTS"))
    drawn = read("sample", None, workdir=folder, outfits=4000 if shown else 700, items=660 if shown else 440, seed=1)
    drawn.items = drawn.items.with_columns(title=drawn.items["title"].scatter(0, SCRIPT))
    create(drawn, folder / "sample", layout="sample")
    dataset = Dataset(f"{folder / 'sample'}#users")
    encode(dataset, "efficientnet-lite0")
    freeze(dataset.catalogue, dataset.outfits, dataset.path / "questions", prefix="users")
    settings = ["hidden=64", f"epochs={20 if shown else 3}", "batch_size=64", "negatives=matched"]
    train("add-gnn", dataset, folder / "add-gnn-sample", settings=settings)
    build_index(folder / "add-gnn-sample", dataset, folder / "index")
    server = uvicorn.Server(
        uvicorn.Config(create_app(folder / "index", feedback=folder / "feedback.jsonl"), port=0, log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="module")
def browser(address):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """A page on a desk; whatever its console complains of fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def until(page, expression):
    """Wait until it is true. The page's own policy forbids the evaluation that `wait_for_function` needs."""
    ends = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < ends, f"never: {expression}"
        page.wait_for_timeout(50)


def item_ids(page, count, query=""):
    page.goto(f"/{query}")
    return [page.locator('button[name="toggle"]').nth(place).get_attribute("value") for place in range(count)]


def board_of(page, ids):
    page.goto("/board?" + "&".join(f"on={one}" for one in ids))
    page.locator("#verdict").wait_for()


def shoot(browser, address, name, path, wait):
    """Pictures of a page, into the folder that GOESWITH_SHOTS names."""
    folder = os.environ.get("GOESWITH_SHOTS")
    if not folder:
        return
    for width, height, theme in ((1440, 900, "light"), (390, 844, "dark")):
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, color_scheme=theme, base_url=address, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(path)
        page.locator(wait).first.wait_for()
        page.wait_for_load_state("networkidle")
        page.evaluate("document.querySelectorAll('img').forEach((picture) => { picture.loading = 'eager'; })")
        until(page, "[...document.images].every((picture) => picture.complete)")
        Path(folder).mkdir(parents=True, exist_ok=True)
        kind = "phone" if width < 500 else "desk"
        # JPEG: the pictures are kept in the project, and a page of photos is ten times as large as PNG.
        page.screenshot(path=Path(folder) / f"{name}-{kind}-{theme}.jpg", type="jpeg", quality=82)
        context.close()


@pytest.mark.parametrize(
    ("name", "path", "wait"),
    [
        ("catalogue", "/", ".card"),
        ("start", "/board", ".look"),
        ("quiz", "/quiz?seed=11", ".choices"),
        ("answer", "/quiz?seed=11&asked=4&you=2&model=3&choice=1", "text=Next outfit"),
        ("rules", "/rules", "#coverage"),
        ("report", "/report", "#results"),
        ("photo", "/upload", ".drop"),
    ],
)
def test_a_page_opens_without_a_complaint(page, browser, address, name, path, wait):
    page.goto(path)
    page.locator(wait).first.wait_for()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # nothing sticks out
    assert "goeswith" in page.title()
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(browser, address, name, path, wait)


def test_the_board_from_the_wall_to_undo_and_a_shared_link(page, browser, address):
    first, second, third = item_ids(page, 3)
    page.locator(f'button[value="{first}"]').click()
    page.locator("#tray .photo").wait_for()
    page.locator(f'button[value="{second}"]').click()
    page.locator("#tray .verdict b").wait_for()
    assert page.locator('button[aria-pressed="true"]').count() == 2
    assert f"on={first}&on={second}" in page.url  # a reload keeps it
    page.locator("#tray .button").click()
    before = page.locator("#verdict").inner_text()
    assert page.locator(".ring li").count() == 2
    page.locator('#more a[aria-label^="Add"]').first.click()
    until(page, "document.querySelectorAll('.ring > ol > li').length === 3")
    after = page.locator("#verdict").inner_text()
    link = page.url
    assert link.count("on=") == 3
    page.locator("[data-undo]").click()
    until(page, "document.querySelectorAll('.ring > ol > li').length === 2")
    assert page.locator("#verdict").inner_text() == before
    page.goto(link)
    assert page.locator("#verdict").inner_text() == after
    page.locator(".ring .lock").first.focus()
    page.keyboard.press("Space")  # it is a button
    page.locator('.ring .lock[aria-pressed="true"]').wait_for()
    assert "lock=" in page.url
    page.locator('.ring a[aria-label^="Swap"]').first.click()
    page.locator('#more a[aria-label^="Swap for"]').first.click()
    until(page, "!location.search.includes('swap=')")
    assert page.locator(".ring > ol > li").count() == 3
    page.get_by_role("button", name="Save outfit").click()
    page.get_by_role("button", name="Saved").wait_for()
    assert third


def test_a_board_is_drawn(page, browser, address):
    page.goto("/board")
    sizes = [page.locator(".look").nth(place).locator("img").count() for place in range(page.locator(".look").count())]
    page.locator(".look").nth(sizes.index(max(sizes))).click()
    page.locator("#verdict").wait_for()
    page.locator("#more .row").first.wait_for()
    count = page.locator(".ring > ol > li").count()
    assert page.locator(".ring line.link").count() == count * (count - 1) // 2
    boxes = [page.locator(".ring > ol > li .photo").nth(place).bounding_box() for place in range(count)]
    for place, one in enumerate(boxes):
        for other in boxes[place + 1 :]:
            apart_x = abs(one["x"] - other["x"]) >= one["width"]
            apart_y = abs(one["y"] - other["y"]) >= one["height"]
            assert apart_x or apart_y  # no picture covers another
    # A line starts in the middle of its item, whatever the size of the window.
    ring = page.locator(".ring > svg").bounding_box()
    ends = page.locator(".ring line.link").evaluate_all(
        "lines => lines.map((line) => [+line.getAttribute('x1'), +line.getAttribute('y1')])"
    )
    middles = [
        (
            (b["x"] + b["width"] / 2 - ring["x"]) / ring["width"] * 1000,
            (b["y"] + b["height"] / 2 - ring["y"]) / ring["height"] * 1000,
        )
        for b in boxes
    ]
    for x, y in ends:
        assert min(abs(x - mx) + abs(y - my) for mx, my in middles) < 4
    shoot(browser, address, "board", page.url.removeprefix(address), "#more .row")


def test_the_wall_scrolls_on_to_its_end(page):
    page.goto("/")
    total = int(page.locator(".found span").inner_text().split()[0].replace(",", ""))
    assert page.locator(".card").count() < total
    for _ in range(40):
        if page.locator(".card").count() >= total:
            break
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(300)
    values = page.locator('button[name="toggle"]').evaluate_all("cards => cards.map((card) => card.value)")
    assert len(values) == len(set(values)) == total
    assert page.locator("[data-next]").count() == 0


def test_words_and_filters_change_the_wall_at_once(page):
    page.goto("/")
    words = page.locator(".card .name").first.inner_text().lower().split()[:2]
    page.locator("#q").fill(" ".join(reversed(words)))
    until(page, "location.search.includes('q=')")
    until(page, "!document.querySelector('.busy')")
    names = page.locator(".card .name").all_inner_texts()
    assert names
    assert all(word in name.lower() for name in names for word in words)
    assert page.evaluate("document.activeElement.id") == "q"  # typing goes on
    page.go_back()
    until(page, "!location.search.includes('q=')")
    page.get_by_role("link", name="Bags").click()
    until(page, "location.search.includes('group=bag')")
    page.locator(".filters summary").click()
    page.get_by_label("Colour").select_option("black")
    until(page, "location.search.includes('colour=black')")
    assert page.locator(".pill[aria-current]").inner_text().startswith("Bags")


def test_the_quiz_by_keys(page):
    page.goto("/quiz?seed=3")
    page.keyboard.press("2")
    page.locator(".choices .right").wait_for()
    assert page.locator(".choices .right").count() == 1
    assert page.locator(".tally small").nth(1).inner_text() == "of 1"
    score = int(page.locator("#you").inner_text())
    assert score == (1 if page.locator(".choices li").nth(1).get_attribute("class") == "right" else 0)
    page.keyboard.press("Enter")
    page.locator(".choices button").first.wait_for()
    assert "asked=1" in page.url
    page.keyboard.press("4")
    page.locator(".choices .right").wait_for()
    assert page.locator(".tally small").nth(1).inner_text() == "of 2"


def test_a_board_with_keys_alone(page):
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator(".wall .photo").first.focus()
    page.keyboard.press("Enter")
    page.locator("#tray .photo").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.locator("#tray .verdict b").wait_for()
    page.locator("#tray .button").focus()
    page.keyboard.press("Enter")
    page.locator("#verdict").wait_for()
    page.locator(".ring .out").first.focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.ring > ol > li').length === 1")
    assert page.evaluate("document.activeElement.classList.contains('knob')")  # the focus is not lost
    page.keyboard.press("Control+z")
    until(page, "document.querySelectorAll('.ring > ol > li').length === 2")
    outline = page.evaluate(
        "(document.querySelector('.ring .out').focus(), getComputedStyle(document.activeElement).outlineStyle)"
    )
    assert outline != "none"


def test_a_photo_goes_on_the_board(page, tmp_path):
    from PIL import Image

    Image.new("RGB", (300, 420), "firebrick").save(tmp_path / "mine.jpg")
    first = item_ids(page, 1, "?group=shoes")[0]
    page.goto(f"/upload?on={first}")
    page.locator('input[type="file"]').set_input_files(tmp_path / "mine.jpg")
    page.locator(".drop img").wait_for()  # a preview
    page.locator("select[name=category]").select_option("blouse")
    page.get_by_label("Its name").fill("My blouse")
    page.get_by_role("button", name="Put it on the board").click()
    page.locator("#verdict").wait_for()
    assert page.get_by_role("link", name="My blouse", exact=True).count() == 1
    (tmp_path / "lie.jpg").write_text("not a picture")
    page.goto("/upload")
    page.locator('input[type="file"]').set_input_files(tmp_path / "lie.jpg")


def test_a_rule_that_is_written_shows_what_it_changes(page):
    page.goto("/rules")
    page.locator("#coverage").wait_for()
    page.get_by_label("Attribute").select_option("colour")
    page.get_by_label("Top or outerwear says").fill("black/white/grey")
    page.get_by_label("Bottom or dress says").fill("black/white/grey")
    page.get_by_role("button", name="Add the rule").click()
    page.get_by_text("written here").first.wait_for()
    before = page.locator("#coverage").inner_text()
    assert before != "0 %"
    while page.locator(".switch:checked").count():
        page.locator(".switch:checked").first.click()
    until(page, "document.querySelector('#coverage').textContent === '0 %'")
    assert page.locator(".switch").count() > 0


def test_a_script_in_a_title_never_runs(page):
    page.goto("/?q=script")
    assert page.locator(".card .name").inner_text().lower() == SCRIPT.lower()
    page.locator('button[name="toggle"]').click()
    page.locator("#tray .photo").wait_for()
    page.locator("#tray .button").click()
    page.locator("#more .row").first.wait_for()
    assert page.title() == "Board · goeswith"


def test_light_and_dark_by_switch(page):
    page.goto("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("[data-theme-switch]").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_can_be_read_on_their_ground(browser, address, theme):
    """Contrast by WCAG 2: at least 4.5 for text, on every colour that text stands on."""
    context = browser.new_context(color_scheme=theme, base_url=address)
    page = context.new_page()
    page.goto("/board")
    ratios = page.evaluate(CONTRASTS)
    context.close()
    assert min(ratios.values()) >= 4.5, ratios


CONTRASTS = """() => {
  const probe = document.createElement("span");
  document.body.append(probe);
  const light = (name) => {
    probe.style.color = `var(--${name})`;
    const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = {};
  const pairs = [["ink", "paper"], ["quiet", "paper"], ["accent", "paper"], ["against", "paper"], ["ink", "soft"],
    ["quiet", "soft"], ["on-accent", "accent"], ["paper", "ink"], ["accent", "soft"]];
  for (const [text, ground] of pairs) {
    const [high, low] = [light(text), light(ground)].sort((a, b) => b - a);
    found[`${text} on ${ground}`] = (high + 0.05) / (low + 0.05);
  }
  return found;
}"""
