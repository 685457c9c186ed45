"""A merchandiser reviews new items in a real browser: by keys, by mouse on a phone, and without a script."""

import pytest
from browsing import expect, opened, scripted, shoot, until

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
READY = "!!document.querySelector('.choices-of [data-press=a]') && !document.querySelector('.busy')"


def begin(page, name, group):
    page.goto(f"/reviews?group={group}")
    page.get_by_label("Name of the review").fill(name)
    page.get_by_role("button", name="Make the looks").click()


def test_a_typed_name_outlives_another_filter(page):
    page.goto("/reviews")
    page.get_by_label("Name of the review").fill("Autumn drop")
    scripted(page, 'select[name="group"]').select_option("outer")
    page.wait_for_url("**/reviews?*group=outer*")
    expect(page.locator(".reviewfinder select[name=group]")).to_have_value("outer")
    expect(page.get_by_label("Name of the review")).to_have_value("Autumn drop")


def title(page):
    return page.locator("#review h1")


def test_a_review_by_keys(browser, address):
    complaints = []
    with opened(browser, address, complaints=complaints) as page:
        begin(page, "Dresses of June", "dress")
        until(page, READY)  # the page goes on by itself once the first looks are there
        first, total = title(page).inner_text(), page.evaluate("document.querySelector('#review progress').max")
        expect(page.locator(".choices-of > li")).to_have_count(3)
        page.wait_for_load_state()
        page.keyboard.press("2")
        expect(page.locator(".choices-of > li").nth(1)).to_have_attribute("aria-current", "true")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("r")
        until(page, f"document.querySelectorAll('.choices-of > .rejected').length === 1 && {READY}")
        expect(title(page)).to_have_text(first, use_inner_text=True)
        expect(page.locator("#voice")).to_contain_text("was rejected")
        shoot(browser, address, "review", page.url.split("&change")[0].replace(address, ""), ".choices-of")
        page.keyboard.press("l")
        page.keyboard.press("l")
        until(page, "document.activeElement.checked")
        locked = page.evaluate("document.activeElement.value")
        pieces = page.locator(".choices-of > [aria-current=true] .pieces").inner_text()
        page.keyboard.press("m")
        until(
            page,
            f"document.querySelector('.choices-of > [aria-current=true] .pieces')?.innerText !== {pieces!r} && {READY}",
        )
        expect(page.locator(f'.choices-of > [aria-current=true] [value="{locked}"]')).to_be_checked()
        page.keyboard.press("a")
        until(page, f"document.querySelector('#review progress').value === 1 && {READY}")
        expect(title(page)).not_to_have_text(first, use_inner_text=True)
        page.keyboard.press("u")
        until(page, f"document.querySelector('#review progress').value === 0 && {READY}")
        expect(title(page)).to_have_text(first, use_inner_text=True)
        page.keyboard.press("e")
        page.locator("#verdict").wait_for()
        page.get_by_role("link", name="Back to the review").click()
        until(page, READY)
        expect(title(page)).to_have_text(first, use_inner_text=True)
        page.keyboard.press("s")
        until(page, f"document.querySelector('#review h1').innerText !== {first!r}")
        assert page.evaluate("document.querySelector('#review progress').max") == total
        page.goto("/reviews")
        expect(page.locator(".reviewlist")).to_contain_text("Dresses of June", use_inner_text=True)
        shoot(browser, address, "reviews", "/reviews", ".reviewlist")
    assert complaints == []


def test_a_review_on_a_phone_then_two_looks_are_compared_and_one_is_shared(browser, address):
    complaints = []
    with opened(browser, address, complaints=complaints, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        begin(page, "Coats of June", "outer")
        until(page, READY)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for at in (1, 2):
            name = page.locator(".choices-of > [aria-current=true]").get_attribute("aria-label")
            page.get_by_role("button", name=f"Approve {name}").tap()
            until(page, f"document.querySelector('#review progress').value === {at} && {READY}")
            assert page.locator(".undo p").evaluate("(p) => p.scrollWidth <= p.clientWidth")  # says what was done
        low = page.evaluate(
            "[...document.querySelectorAll('#review a.button, #review button.button, .pieces label')]"
            ".filter((one) => one.offsetParent && one.getBoundingClientRect().height < 42).map((one) => one.innerText)"
        )
        assert low == []
        page.goto("/looks?state=approved")
        boxes = page.locator(".choose input")
        for at in (0, 1):
            boxes.nth(at).check()
        assert page.locator(".chosenbar").bounding_box()["width"] > 300
        page.get_by_role("button", name="Compare").tap()
        page.locator(".compared").wait_for()
        expect(page.locator(".compared .differs")).not_to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shoot(browser, address, "compare", page.url.replace(address, ""), ".compared")
        with page.expect_navigation():
            page.get_by_role("button", name="Choose").first.tap()
        page.goto("/looks?state=approved")
        page.get_by_role("link", name="Share").first.tap()
        page.get_by_role("button", name="Make a public link").tap()
        link = page.locator("#public-link").input_value()
        shoot(browser, address, "share", page.url.replace(address, ""), "#public-link")
        with opened(browser, address, complaints=complaints) as stranger:
            stranger.goto(link)
            until(stranger, "[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
            expect(stranger.locator(".public li").nth(2)).to_be_attached()
            shoot(browser, address, "public", link.replace(address, ""), ".public li")
        page.get_by_role("button", name="Close the link").tap()
        page.get_by_role("button", name="Make a public link").wait_for()
        assert page.goto(link).status == 404
        page.goto("/looks/print?state=approved")
        page.locator("[data-print]").wait_for()
        expect(page.locator(".sheet")).to_have_count(3)
    assert [line for line in complaints if "404" not in line] == []


def test_a_review_without_a_script(browser, address):
    with opened(browser, address, java_script_enabled=False) as page:
        page.goto("/reviews")
        page.get_by_label("Category").select_option("clutch")
        page.get_by_role("button", name="Show the items").click()
        with page.expect_navigation():
            page.get_by_role("button", name="Make the looks").click()
        again = page.get_by_role("link", name="Look again")
        while not page.locator(".choices-of").count():
            page.wait_for_timeout(500)  # the studio is at work; a page asked for again and again would hold it up
            with page.expect_navigation():
                again.click()
        first = title(page).inner_text()
        page.locator(".choices-of .pieces label").nth(1).click()
        page.get_by_role("button", name="again with the pieces").first.click()
        expect(page.locator(".undo")).to_contain_text("was made again")
        page.wait_for_load_state()
        page.locator(".undo button").click()
        expect(page.locator(".undo", has_text="was made again")).to_have_count(0)
        page.wait_for_load_state()
        page.get_by_role("button", name="Reject").first.click()
        expect(page.locator(".undo")).to_contain_text("was rejected")
        expect(title(page)).to_have_text(first, use_inner_text=True)
        page.wait_for_load_state()
        page.get_by_role("button", name="Approve").first.click()
        expect(page.locator(".undo")).to_contain_text("was approved")
