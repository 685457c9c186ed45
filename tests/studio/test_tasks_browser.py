"""What a merchandiser comes for, done in a real browser on a desk and on a phone, each in so many clicks.

The counts stand in docs/studio.md as they stand here.
"""

import re
from pathlib import Path

import pytest
from browsing import opened, until

DOCS = Path(__file__).resolve().parents[2] / "docs" / "studio.md"
SIZES = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
CLICKS = {
    "a look around this blazer, within a budget, for summer": (5, 5),
    "save it under a name": (2, 2),
    "find it again": (2, 2),
    "duplicate it": (2, 2),
    "approve it": (2, 2),
    "take that back": (1, 1),
}
"""Task → clicks on a desk and on a phone; typing is none."""


def test_the_docs_have_the_clicks():
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|$", DOCS.read_text(), re.MULTILINE)
    assert {task: (int(desk), int(phone)) for task, desk, phone in rows if task in CLICKS} == CLICKS


class Hand:
    """A page and a count of clicks since the last task."""

    def __init__(self, page, kind):
        self.page, self.kind, self.clicks = page, list(SIZES).index(kind), 0

    def click(self, what):
        (self.page.locator(what) if isinstance(what, str) else what).first.click()
        self.clicks += 1

    def done(self, task):
        assert self.clicks == CLICKS[task][self.kind], task
        self.clicks = 0


@pytest.mark.browser
@pytest.mark.parametrize("kind", SIZES)
def test_the_tasks_take_so_many_clicks(browser, address, kind):
    complaints = []
    with opened(browser, address, complaints=complaints, viewport=SIZES[kind]) as page:
        hand = Hand(page, kind)
        page.goto("/")
        page.locator("#q").fill("blazers")
        page.keyboard.press("Enter")
        name = page.locator(".card .name").first.inner_text()
        assert "blazer" in name.lower()
        hand.click(".card .photo")
        hand.click("#tray .button")
        page.locator('.brief [name="want_budget"]').fill("600")
        until(page, "location.search.includes('want_budget=600')")
        page.locator('.brief [name="want_season"]').select_option("summer")  # opens and chooses: one click
        hand.clicks += 1
        until(page, "location.search.includes('want_season=summer')")
        until(page, "!document.querySelector('#more[data-load], #more.busy, .busy')")
        if kind == "phone":  # the sheet is a switch that lies over its handle
            page.locator("#sheet").check()
        hand.click(page.locator(".kind", has_text="Whole looks"))
        hand.click("#more .look")
        until(page, "document.querySelectorAll('.pieces li').length > 2")
        assert float(page.locator(".verdict-line .sum").inner_text()) <= 600
        assert name.lower() in page.locator(".pieces").inner_text().lower()
        hand.done("a look around this blazer, within a budget, for summer")

        hand.click("details.save summary")
        page.get_by_label("Name", exact=True).fill(f"Harbour {kind}")
        hand.click(page.get_by_role("button", name="Save the look"))
        until(page, "location.search.includes('look=')")
        hand.done("save it under a name")

        page.goto("/")
        hand.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        page.get_by_role("searchbox").fill(f"harbour {kind}")
        until(page, "document.querySelectorAll('.lookcard').length === 1")
        hand.click(page.get_by_role("link", name=f"Open Harbour {kind}"))
        page.locator("#verdict").wait_for()
        assert page.locator("h1").inner_text() == f"Harbour {kind}"
        hand.done("find it again")

        page.goto("/")
        hand.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        hand.click(page.get_by_role("button", name=f"Duplicate Harbour {kind}", exact=True))
        until(page, f"document.querySelectorAll('.lookcard [aria-label^=\"Open Harbour {kind}\"]').length === 2")
        hand.done("duplicate it")

        page.goto("/")
        hand.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        hand.click(page.get_by_role("button", name=f"Approve Harbour {kind}", exact=True))
        page.get_by_role("button", name=f"Put live Harbour {kind}", exact=True).wait_for()
        hand.done("approve it")
        hand.click(".undo button")
        page.get_by_role("button", name=f"Approve Harbour {kind}", exact=True).wait_for()
        hand.done("take that back")
    assert complaints == []
