"""A merchandiser at work in a real browser, on a desk and on a phone: nothing jumps, and everything is said."""

import re

import pytest
from browsing import board_of, expect, item_ids, opened, shoot, until

pytestmark = pytest.mark.browser

SIZES = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
SHIFTS = """() => { window.moved = []; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.moved.push(entry.value);  // also those right after a click
}).observe({ type: "layout-shift", buffered: false }); }"""
BOXES = """() => ["#more", ".lay", ".brief", ".above"].map((part) => {
  const { x, y, width } = document.querySelector(part).getBoundingClientRect();
  return [part, Math.round(x), Math.round(y), Math.round(width)];
})"""
QUIET = "!document.querySelector('#more[data-load], #more.busy, .busy') && !!document.querySelector('#more .row')"


@pytest.fixture(params=SIZES)
def sized(request, browser, address):
    """A page of each size, whose console must not complain."""
    complaints = []
    with opened(browser, address, complaints=complaints, viewport=SIZES[request.param]) as page:
        page.kind = request.param
        yield page
    assert complaints == []


def pair(page):
    tops, bottoms = item_ids(page, 1, "?group=top"), item_ids(page, 1, "?group=bottom")
    board_of(page, [*tops, *bottoms])
    until(page, QUIET)


def open_sheet(page):
    if page.kind == "phone" and not page.locator("#sheet").is_checked():
        page.locator("#sheet").check()


def test_adding_and_swapping_move_nothing_and_are_announced(sized):
    page = sized
    pair(page)
    page.evaluate("scrollBy(0, 40)")
    page.wait_for_load_state("networkidle")
    until(page, "[...document.images].filter((one) => one.loading !== 'lazy').every((one) => one.complete)")
    before, height = page.evaluate(BOXES), page.evaluate("scrollY")
    page.evaluate(SHIFTS)
    clicks = 1 + (page.kind == "phone")
    open_sheet(page)
    page.locator('#more a[aria-label^="Add"]').first.click()
    until(page, "document.querySelectorAll('.pieces li').length === 3")
    until(page, QUIET)
    expect(page.locator("#voice")).to_have_text(re.compile("^3 items on the board"))
    if page.kind == "phone":
        expect(page.locator("#sheet")).not_to_be_checked()  # the new piece is in sight
    swap = page.locator(".lay .piece").first
    name = swap.get_attribute("aria-label").removesuffix(": swap or move")
    swap.click()
    until(page, "!!document.querySelector('#more a[aria-label^=\"Swap for\"]')")
    expect(page.locator("#voice")).to_have_text(re.compile("^Instead of"))
    expect(swap).to_have_attribute("aria-current", "true")
    page.locator('#more a[aria-label^="Swap for"]').first.click()
    until(page, f"![...document.querySelectorAll('.pieces .named')].some((one) => one.textContent === {name!r})")
    until(page, QUIET)
    assert clicks <= 2
    expect(page.locator(".pieces li")).to_have_count(3)
    assert page.evaluate("window.moved.reduce((sum, one) => sum + one, 0)") == 0
    assert page.evaluate("scrollY") == height
    assert page.evaluate(BOXES) == before
    page.locator("[data-undo]").click()
    until(page, f"[...document.querySelectorAll('.pieces .named')].some((one) => one.textContent === {name!r})")


def spots(page):
    return page.locator(".lay .piece").evaluate_all("all => all.map((one) => one.dataset.spot)")


def test_pieces_are_moved_by_mouse_and_keys_and_stay_where_they_are(sized):
    page = sized
    pair(page)
    first = page.locator(".lay .piece").first
    before, rail = spots(page), page.locator("#more").evaluate("one => (one.dataset.mark = 'same')")
    if page.kind == "desk":
        box = first.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 2 + 30, steps=5)
        page.mouse.up()
        expect(page.locator("#voice")).to_have_text(re.compile(": moved$"))
        assert first.bounding_box()["x"] == pytest.approx(box["x"] + 60, abs=4)
        assert not page.locator('#more a[aria-label^="Swap for"]').count()  # the end of a drag is no click
    first.focus()
    for key, announcement in (
        ("ArrowRight", "moved right"),
        ("Shift+ArrowDown", "moved down"),
        ("+", "larger"),
        ("PageUp", "in front"),
    ):
        page.keyboard.press(key)
        expect(page.locator("#voice")).to_have_text(re.compile(f"{announcement}$"))
    after = spots(page)
    assert after[0] != before[0]
    assert after[1] == before[1]
    expect(page).to_have_url(re.compile("lay=.*lay="))
    expect(page.locator("#more")).to_have_attribute("data-mark", rail)  # nothing is searched again
    expect(page.locator(".pieces .lock").first).to_have_attribute("href", re.compile("lay="))
    page.reload()
    page.locator("#verdict").wait_for()
    assert [spot.split(".")[:3] for spot in spots(page)] == [spot.split(".")[:3] for spot in after]
    page.locator(".tidy").click()
    until(page, "!location.search.includes('lay=')")
    until(page, QUIET)
    assert spots(page) == before
    page.go_back()
    until(page, "location.search.includes('lay=')")
    until(page, QUIET)  # the old board has been exchanged for the one gone back to, and so has its form
    page.locator("details.save summary").click()
    page.get_by_role("button", name="Save the look").click()
    until(page, "location.search.includes('look=')")
    assert page.url.count("lay=") == 2
    page.goto("/looks")
    page.locator('.lookcard a[href*="lay="]').first.wait_for()


def test_a_suggestion_is_dropped_where_it_shall_lie(browser, address):
    with opened(browser, address) as page:
        page.kind = "desk"
        pair(page)
        page.wait_for_load_state("networkidle")  # nothing is exchanged under the hand
        page.locator('#more a[aria-label^="Add"]').first.drag_to(
            page.locator("#lay"), target_position={"x": 50, "y": 60}
        )
        until(page, "document.querySelectorAll('.lay .piece').length === 3")
        canvas, piece = (page.locator(selector).bounding_box() for selector in ("#lay", ".lay .piece >> nth=2"))
        assert piece["x"] + piece["width"] / 2 - canvas["x"] == pytest.approx(50, abs=6)
        assert piece["y"] + piece["height"] / 2 - canvas["y"] == pytest.approx(60, abs=6)
        page.goto("/catalogue")
        page.locator('button[name="toggle"]').first.click()
        page.locator("#tray .photo").wait_for()
        page.wait_for_load_state("networkidle")
        page.locator(".card .photo").nth(1).drag_to(page.locator("#tray .tray"))
        until(page, "document.querySelectorAll('#tray .photo').length === 2")


def test_a_tab_offers_its_kind_and_is_no_step_to_undo(sized):
    page = sized
    pair(page)
    open_sheet(page)
    tabs = page.locator(".kind")
    assert tabs.count() > 3
    for index in (1, 2):
        label = tabs.nth(index).inner_text()
        tabs.nth(index).click()
        until(page, f"document.querySelector('.kind[aria-current]')?.innerText === {label!r}")
        expect(page).to_have_url(re.compile("slot="))
    expect(page.locator("[data-undo]")).to_be_hidden()
    page.reload()
    until(page, f"document.querySelector('.kind[aria-current]')?.textContent.trim().startsWith({label!r})")


def test_a_look_for_summer_within_a_budget(sized):
    """The brief: two choices, then every suggestion keeps to it, and the address remembers."""
    page = sized
    pair(page)
    page.locator('.brief [name="want_season"]').select_option("summer")
    until(page, "location.search.includes('want_season=summer')")
    until(page, QUIET)
    spent = float(page.locator(".verdict-line .sum").inner_text())
    budget = int(spent) + 100
    page.locator('.brief [name="want_budget"]').fill(str(budget))
    until(page, f"location.search.includes('want_budget={budget}')")
    until(page, QUIET)
    left = float(page.locator(".brief .left b").inner_text())
    assert left == pytest.approx(budget - spent, abs=0.011)
    open_sheet(page)
    prices = page.locator("#more .row .facts > span.number").all_inner_texts()
    assert prices
    assert max(float(price) for price in prices if price[0].isdigit()) <= left  # the others are differences
    page.locator('#more a[aria-label^="Add"]').first.click()
    until(page, "document.querySelectorAll('.pieces li').length === 3")
    expect(page).to_have_url(re.compile("want_season=summer"))
    expect(page.locator('.brief [name="want_budget"]')).to_have_value(str(budget))


def test_a_look_is_saved_found_approved_and_undone(sized, browser, address):
    page = sized
    pair(page)
    page.locator("details.save summary").click()
    page.get_by_label("Name", exact=True).fill(f"Velvet {page.kind}")
    page.get_by_label("Tags, with commas between").fill("evening, letter")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Save the look").click()
    until(page, "location.search.includes('look=')")
    until(page, QUIET)
    expect(page.locator("h1")).to_have_text(f"Velvet {page.kind}")
    page.locator("#tabs").get_by_role("link", name="Looks").click()
    card = page.locator(".lookcard", has_text=f"Velvet {page.kind}")
    expect(card).to_contain_text("Ada")
    page.wait_for_load_state("networkidle")
    shoot(browser, address, "looks", "/looks", ".lookcard")
    page.evaluate(SHIFTS)
    card.get_by_role("button", name=f"Approve Velvet {page.kind}").click()
    page.locator(".undo").wait_for()
    until(page, "document.querySelector('#voice').textContent.includes('was approved')")
    card.get_by_role("button", name=f"Show first Velvet {page.kind}").wait_for()
    assert page.evaluate("window.moved.reduce((sum, one) => sum + one, 0)") == 0
    page.locator(".undo button").click()
    card.get_by_role("button", name=f"Approve Velvet {page.kind}").wait_for()
    page.get_by_role("link", name=f"Open Velvet {page.kind}").click()
    page.locator("#verdict").wait_for()
    expect(page.locator("h1")).to_have_text(f"Velvet {page.kind}")  # found again: three clicks from anywhere


def test_the_workplace_without_a_script(browser, address):
    with opened(browser, address, java_script_enabled=False) as page:
        tops, bottoms = item_ids(page, 1, "?group=top"), item_ids(page, 1, "?group=bottom")
        page.goto(f"/board?on={tops[0]}&on={bottoms[0]}")
        expect(page.locator('#more a[aria-label^="Add"]')).not_to_have_count(0)  # they come with the page
        page.locator(".lay .piece").first.click()
        expect(page.locator('#more a[aria-label^="Swap for"]')).not_to_have_count(0)
        page.locator("#more .kind").nth(1).click()
        expect(page.locator("#more .kind[aria-current]")).to_have_count(1)
        page.locator('#more a[aria-label^="Add"]').first.click()
        expect(page.locator(".pieces li")).to_have_count(3)
        page.locator('.brief [name="want_season"]').select_option("summer")
        page.get_by_role("button", name="Apply").click()
        expect(page).to_have_url(re.compile("want_season=summer"))
        page.wait_for_load_state()
        page.locator("details.save summary").click()
        page.get_by_label("Name", exact=True).fill("By hand")
        page.get_by_role("button", name="Save the look").click()
        expect(page).to_have_url(re.compile("look="))
        page.goto("/looks?q=by+hand")
        page.get_by_role("button", name="Approve By hand").click()
        expect(page.locator(".undo")).to_contain_text("was approved")
        page.locator(".undo button").click()
        expect(page.locator(".undo", has_text="was approved")).to_have_count(0)
        page.get_by_role("button", name="Delete By hand").click()
        expect(page.locator(".lookcard")).to_have_count(0)
