"""Who uses the studio with a keyboard, a screen reader, weak eyes or a token: names, order, contrast, focus, words."""

import itertools
import re

import pytest
from browsing import expect, item_ids, opened, running, scripted, until
from PIL import Image

from goeswith.studio.app import create_app
from goeswith.studio.service.limits import UPLOAD_BYTES

pytestmark = pytest.mark.browser

PAGES = {
    "/": ".lookcard img", "/catalogue": ".card",
    "/catalogue?group=shoes&colour=black": ".wall", "/catalogue?q=zebra": ".nothing", "/board": ".look",
    "ON": "#more .row", "/quiz?seed=11": ".choices", "/quiz?seed=11&choice=1": ".answer .button", "/rules": "#coverage",
    "/report": "#results", "/looks": ".lookcard", "/upload": ".drop", "/nowhere": ".nothing", "ITEM": ".facts-list",
}  # fmt: skip
"""Path → what is there once all is; ON is a board of three, ITEM one of its items."""
TEAM_PAGES = {
    "/reviews": ".begin", "/review?review=REVIEW": ".choices-of", "/looks/compare?look=LOOK&look=OTHER": ".compared",
    "/looks/share?look=LOOK": "#snippet", "/clicks": "h1",
}  # fmt: skip
"""The same of pages about saved looks; LOOK and OTHER are two of them."""
PHONE = {"width": 390, "height": 844}
TOKEN = "correct-horse-battery"

FAULTS = """() => {
  const found = [];
  const seen = (e) => e.checkVisibility({ checkVisibilityCSS: true });
  const tell = (what, e) => found.push(`${what}: ${e.outerHTML.slice(0, 120)}`);
  const text = (e) => [...e.childNodes].map((node) => node.nodeType === 3 ? node.data
    : node.nodeType !== 1 || node.ariaHidden === "true" ? "" : node.tagName === "IMG" ? node.alt : text(node)).join("");
  const name = (e) => (e.getAttribute("aria-label") || (e.labels?.length ? text(e.labels[0]) : "") || text(e)).trim();
  for (const e of document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary"))
    if (seen(e) && !name(e)) tell("no name", e);
  for (const e of document.querySelectorAll("img")) {
    if (!e.hasAttribute("alt")) tell("no alternative", e);
    // Its name is that of its control, or is written beside it.
    const named = e.closest("a, button")?.ariaLabel || e.closest(".subject, .piece")?.innerText.trim();
    if (!e.alt && !named) tell("an empty alternative outside a named control", e);
  }
  for (const e of document.querySelectorAll("svg:not([role=img][aria-label], [role=group][aria-label])"))
    if (!e.closest("[aria-hidden=true]")) tell("a drawing that is read", e);
  let level = 0;
  for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
    if (!seen(e)) continue;
    if (+e.tagName[1] > level + 1) tell(`heading after ${level}`, e);
    level = +e.tagName[1];
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) found.push(`id twice: ${id}`);
  for (const e of document.querySelectorAll("[aria-labelledby], [for], [form], [list]"))
    for (const key of ["aria-labelledby", "for", "form", "list"])
      if (e.hasAttribute(key) && !document.getElementById(e.getAttribute(key))) tell(`${key} leads nowhere`, e);
  for (const e of document.querySelectorAll("a a, a button, button a, button button")) tell("control in a control", e);
  for (const e of document.querySelectorAll("ul > :not(li, script), ol > :not(li, script)")) tell("not an item", e);
  for (const e of document.querySelectorAll("[role=region], section, nav, aside"))
    if (!e.ariaLabel && !e.getAttribute("aria-labelledby")) tell("part without a name", e);
  if (document.documentElement.lang !== "en" || !document.querySelector("main, [role=main]")) found.push("no main");
  return found;
}"""
SMALL = """() => {
  const controls = document.querySelectorAll("a, button, select, input:not([type=hidden]), summary, textarea");
  // Links within words need no room; pieces of a flat lay are small, and the list beside it does the same.
  const written = "p a, .skip, .named, .name, .piece, .drop input";
  const box = (e) => e.getBoundingClientRect();
  return [...controls].filter((e) => {
    if (!e.checkVisibility({ checkVisibilityCSS: true }) || e.matches(written) || !box(e).width) return false;
    const parts = [e, ...(e.matches("input") ? e.labels : [])].map(box);
    return !parts.some(({ width, height }) => width >= 43.5 && height >= 43.5);
  }).map((e) => `${box(e).width} x ${box(e).height}: ${e.outerHTML.slice(0, 120)}`);
}"""
FAINT = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
  };
  const over = (top, under) => under.map((part, i) => i === 3 ? 1 : top[i] * top[3] + part * (1 - top[3]));
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) =>
    sum + weight * (c[i] <= 0.04045 ? c[i] / 12.92 : ((c[i] + 0.055) / 1.055) ** 2.4), 0);
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [1, 1, 1, 1]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || e.closest("svg, .sr, [disabled]")) continue;
    if (!e.checkVisibility({ checkVisibilityCSS: true })) continue;
    const style = getComputedStyle(e);
    const under = ground(e);
    const [high, low] = [light(over(rgba(style.color), under)), light(under)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${e.outerHTML.slice(0, 120)}`);
  }
  return found;
}"""
FOCUS = """() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  const drawn = e.closest(".drop") || e;  // the field of a photo lies under its frame
  const style = getComputedStyle(drawn);
  const { x, y, width, height } = drawn.getBoundingClientRect();
  const top = document.elementFromPoint(x + width / 2, y + height / 2);
  return {
    what: e.outerHTML.slice(0, 120),
    place: [...document.querySelectorAll("*")].indexOf(e),
    drawn: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none",
    there: !!top && (drawn.contains(top) || top.contains(drawn)),
  };
}"""


def paths(page, team=False):
    """The pages, with a board and an item of this catalogue. team: also those about saved looks."""
    ids = item_ids(page, 3)
    on = "&on=".join(ids)
    look = {"name": "Office", "item_ids": ids, "tags": ["june"], "note": "For the letter", "state": "approved"}
    first = page.request.post("/v1/looks", data=look).json()["look_id"]
    return (team_paths(page, ids, first) if team else {}) | {
        path.replace("ON", f"/board?on={on}").replace("ITEM", f"/item?item={on.split('&')[0]}&on={on}"): wait
        for path, wait in PAGES.items()
    }


def team_paths(page, ids, look):
    other = page.request.post("/v1/looks", data={"name": "Beach", "item_ids": ids[:2]}).json()["look_id"]
    page.request.post(f"/v1/looks/{look}/link")
    review = page.request.post("/v1/reviews", data={"name": "June", "item_ids": ids[:1]}).json()["review_id"]
    return {
        path.replace("LOOK", look).replace("OTHER", other).replace("REVIEW", review): wait
        for path, wait in TEAM_PAGES.items()
    }


def wait_for(page, path, wait):
    page.goto(path)
    page.locator(wait).first.wait_for()
    page.wait_for_load_state("networkidle")


def test_controls_have_names_pictures_have_words_headings_are_in_order(browser, address):
    with opened(browser, address) as page:
        for path, wait in paths(page, team=True).items():
            page.set_viewport_size({"width": 1440, "height": 900})
            wait_for(page, path, wait)
            assert page.evaluate(FAULTS) == [], path
            page.set_viewport_size(PHONE)
            assert page.evaluate(SMALL) == [], path  # what a finger can hit


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_word_can_be_read_on_its_ground(browser, address, theme):
    """Contrast by WCAG 2: at least 4.5, or 3 for large letters, of every word on every page as it is shown."""
    with opened(browser, address, color_scheme=theme) as page:
        for path, wait in paths(page, team=theme == "dark").items():
            wait_for(page, path, wait)
            page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
            assert page.evaluate(FAINT) == [], path


def test_tab_reaches_everything_with_a_visible_focus(page):
    for path, wait in paths(page).items():
        if path == "/nowhere":  # the console tells of the 404
            continue
        wait_for(page, path, wait)
        stops = []
        for _ in range(40):
            page.keyboard.press("Tab")
            stop = page.evaluate(FOCUS)
            if stop is None or stop["place"] in stops:
                break
            assert stop["drawn"], (path, stop)
            assert stop["there"], (path, stop)
            stops.append(stop["place"])
        assert stop is None or len(stops) == 40 or stop["place"] == stops[0], path  # none holds the focus
        assert len(stops) > 8, path


VOICE = "document.querySelector('#voice').textContent"


def test_changes_are_announced(page):
    page.goto("/catalogue")
    page.keyboard.press("/")
    page.keyboard.type("leather")
    until(page, "document.querySelector('#voice').textContent.endsWith('items')")
    until(page, f"{VOICE} === document.querySelector('.found span').innerText && !document.querySelector('.busy')")
    page.locator(".wall .photo").first.focus()
    page.keyboard.press("Enter")
    until(page, f"{VOICE} === '1 item on the board' && !document.querySelector('.busy')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    verdict = "document.querySelector('#tray .verdict b')?.innerText"
    until(page, f"{VOICE} === `2 items on the board, ${{{verdict}}}` && !document.querySelector('.busy')")
    page.locator("#tray .button").focus()
    page.keyboard.press("Enter")
    scripted(page, "#more .row")
    page.wait_for_load_state("networkidle")
    page.locator('#more a[aria-label^="Add"]').first.focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#voice').textContent.startsWith('3 items on the board: ')")
    until(page, "document.activeElement !== document.body")  # the focus is not lost
    until(page, f"{VOICE}.includes(document.querySelector('#verdict').innerText.replace('%', ' %'))")
    page.goto("/quiz?seed=4")
    page.keyboard.press("3")
    page.locator(".choices .right").wait_for()
    until(page, f"{VOICE} === document.querySelector('.ask').innerText")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#voice').textContent === 'Question 2'")
    page.goto("/rules")
    page.locator(".switch").first.focus()
    page.keyboard.press("Space")
    until(page, "document.querySelector('#voice').textContent.endsWith('rules are on')")
    until(page, "document.activeElement.id === 'rule-0' && !document.querySelector('.busy')")
    page.locator("[data-theme-switch]").focus()
    page.keyboard.press("Enter")
    until(page, f"{VOICE} === 'dark colours'")


def test_the_tree_of_a_screen_reader_names_lines_verdict_and_swaps(page):
    ids = [item_ids(page, 1, f"?group={group}")[0] for group in ("top", "bottom", "shoes")]
    wait_for(page, "/board?on=" + "&on=".join(ids), "#more .row")
    page.locator("label.xray").click()
    expect(page.locator(".lay .lines").first).to_be_visible()
    names = page.locator(".pieces .named").all_inner_texts()
    tree = page.locator("#board").aria_snapshot().lower()
    lines = re.findall(r'img "(.+?)"', tree)
    assert all(any(first.lower() in line and second.lower() in line for line in lines)
               for first, second in itertools.combinations(names, 2))  # fmt: skip
    assert page.locator("#verdict").inner_text().lower() in tree
    page.locator('.pieces a[aria-label^="Swap"]').first.click()
    page.locator('#more a[aria-label^="Swap for"]').first.wait_for()
    page.wait_for_load_state("networkidle")
    tree = page.get_by_role("region", name="Suggestions").aria_snapshot()
    assert f"instead of {names[0]}".lower() in tree.lower()
    offers = re.findall(r'- link "Swap for (.+?)"', tree)
    assert len(offers) > 2
    assert len(set(offers)) > 2
    page.emulate_media(reduced_motion="no-preference")
    moving = "getComputedStyle(document.querySelector('#more .row li')).animationName"
    until(page, f"{moving} === 'arrive'")
    page.emulate_media(reduced_motion="reduce")
    until(page, f"{moving} === 'none'")
    page.locator('#more a[aria-label^="Swap for"]').first.click()
    until(page, "document.querySelector('#voice').textContent.startsWith('3 items on the board: ')")
    until(page, "document.getAnimations().length === 0")


def test_a_board_of_twelve_is_apart_on_a_desk_and_on_a_phone(page):
    wait_for(page, "/board?on=" + "&on=".join(item_ids(page, 12)), "#more")
    for size in ({"width": 1440, "height": 900}, {"width": 1100, "height": 800}, PHONE, {"width": 360, "height": 740}):
        page.set_viewport_size(size)
        for parts, count in ((".lay .piece", 12), (".pieces .named", 12)):
            boxes = page.locator(parts).evaluate_all(BOXES)
            assert len(boxes) == count
            for index, (left, top, right, bottom) in enumerate(boxes):
                for other in boxes[index + 1 :]:
                    apart = (
                        left >= other[2] - 1 or other[0] >= right - 1 or top >= other[3] - 1 or other[1] >= bottom - 1
                    )
                    assert apart, (size, boxes[index], other)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        least = page.locator(".pieces .knob").evaluate_all("all => Math.min(...all.map((one) => one.offsetWidth))")
        assert least >= (44 if size["width"] < 720 else 36)
    page.locator("label.xray").click()
    expect(page.locator(".lay .lines").first).to_be_visible()
    canvas = page.locator(".lay").bounding_box()
    for left, top, right, bottom in page.locator(".flag rect").evaluate_all(BOXES):  # not clipped
        assert canvas["x"] <= left
        assert right <= canvas["x"] + canvas["width"]
        assert canvas["y"] <= top
        assert bottom <= canvas["y"] + canvas["height"]
    expect(page.get_by_role("group", name="How well each pair goes together")).to_have_count(1)


BOXES = """all => all.filter((e) => e.checkVisibility()).map((e) => {
  const { left, top, right, bottom } = e.getBoundingClientRect();
  return [left, top, right, bottom];
})"""


def test_a_person_with_the_token_gets_in_and_a_link_from_elsewhere_opens(browser, sample_index):
    with running(create_app(sample_index, token=TOKEN)) as address, opened(browser, address) as page:
        page.goto("/quiz?seed=5")
        assert page.evaluate(FAULTS) == []
        assert page.evaluate(FAINT) == []
        until(page, "document.activeElement.name === 'token'")
        page.keyboard.type("not it at all, no")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not the token")
        page.wait_for_load_state()
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        scripted(page, ".choices")
        expect(page).to_have_url(f"{address}/quiz?seed=5")
        page.keyboard.press("2")
        page.locator(".choices .right").wait_for()  # the script is let in, too
        assert page.evaluate("document.cookie") == "script=1"  # and not the token
        cookie = next(own for own in page.context.cookies() if own["name"].startswith("goeswith-"))
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        page.context.route(
            "http://elsewhere.test/",
            lambda route: route.fulfill(body=f'<a href="{address}/rules">look</a>', content_type="text/html"),
        )
        page.goto("http://elsewhere.test/")
        page.get_by_role("link", name="look").click()
        page.locator("#coverage").wait_for()  # the cookie was not sent along, and yet nobody is asked again


def test_a_photo_that_is_too_large_is_reported(page, tmp_path):
    Image.new("RGB", (30, 40), "firebrick").save(tmp_path / "mine.jpg")
    with open(tmp_path / "mine.jpg", "ab") as file:
        file.write(b"\0" * UPLOAD_BYTES)
    page.goto("/upload")
    page.locator("select[name=category]").select_option("blouse")
    page.locator('input[type="file"]').set_input_files(tmp_path / "mine.jpg")
    until(page, "document.querySelector('#voice').textContent.includes('more than 12 MB')")
    page.get_by_role("button", name="Put it on the board").click()
    until(page, "document.querySelector('input[type=file]').validationMessage.endsWith('make it smaller.')")
    assert page.url.endswith("/upload")
