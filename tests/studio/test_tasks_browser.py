"""What a merchandiser comes for, done in a real browser on a desk and on a phone, each in so many clicks.

The counts stand in docs/studio.md as they stand here.
"""

import re
from pathlib import Path

import polars as pl
import pytest
from browsing import expect, opened, running, scripted, until

from goeswith.data.catalogue import Catalogue
from goeswith.studio.app import create_app
from goeswith.studio.storefront.keys import PublicKey

DOCS = Path(__file__).resolve().parents[2] / "docs" / "studio.md"
SIZES = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
CLICKS = {
    "a look around this blazer, within a budget, for summer": (5, 5),
    "save it under a name": (2, 2),
    "find it again": (2, 2),
    "duplicate it": (2, 2),
    "approve it": (2, 2),
    "take that back": (1, 1),
    "compare two looks and choose one": (5, 5),
    "five looks to a colleague, as a lookbook": (7, 7),
    "a look to a colleague, as a link": (4, 4),
    "looks for the new arrivals, the first decided": (4, 4),
    "pin a look to a product page, with the snippet for it": (5, 5),
}
"""Task → clicks on a desk and on a phone; typing is none."""


def test_the_docs_have_the_clicks():
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|$", DOCS.read_text(), re.MULTILINE)
    assert {task: (int(desk), int(phone)) for task, desk, phone in rows if task in CLICKS} == CLICKS


class User:
    """A page and a count of clicks since the last task."""

    def __init__(self, page, kind):
        self.page, self.kind, self.clicks = page, list(SIZES).index(kind), 0

    def click(self, control):
        target = (self.page.locator(control) if isinstance(control, str) else control).first
        target.wait_for()
        self.page.wait_for_load_state("domcontentloaded")  # its scripts listen
        target.click()
        self.clicks += 1

    def done(self, task):
        assert self.clicks == CLICKS[task][self.kind], task
        self.clicks = 0


@pytest.mark.browser
@pytest.mark.parametrize("kind", SIZES)
def test_the_tasks_take_so_many_clicks(browser, address, kind):
    complaints = []
    with opened(browser, address, complaints=complaints, viewport=SIZES[kind]) as page:
        user = User(page, kind)
        page.goto("/")
        page.locator("#q").fill("blazers")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("q=blazers"))
        name = scripted(page, ".card .name").inner_text()
        assert "blazer" in name.lower()
        user.click(".card .photo")
        page.locator("#tray .photo").wait_for()
        until(page, "!document.querySelector('.busy')")
        user.click("#tray .button")
        scripted(page, '.brief [name="want_budget"]').fill("600")
        until(page, "location.search.includes('want_budget=600')")
        page.locator('.brief [name="want_season"]').select_option("summer")  # opens and chooses: one click
        user.clicks += 1
        until(page, "location.search.includes('want_season=summer')")
        until(page, "!document.querySelector('#more[data-load], #more.busy, .busy')")
        if kind == "phone":  # the sheet is a switch that lies over its handle
            page.locator("#sheet").check()
        user.click(page.locator(".kind", has_text="Whole looks"))
        user.click("#more .look")
        until(page, "document.querySelectorAll('.pieces li').length > 2")
        until(page, "!document.querySelector('#more[data-load], #more.busy, .busy')")
        assert float(page.locator(".verdict-line .sum").inner_text()) <= 600
        expect(page.locator(".pieces")).to_contain_text(name, ignore_case=True, use_inner_text=True)
        user.done("a look around this blazer, within a budget, for summer")

        user.click("details.save summary")
        page.get_by_label("Name", exact=True).fill(f"Harbour {kind}")
        user.click(page.get_by_role("button", name="Save the look"))
        until(page, "location.search.includes('look=')")
        user.done("save it under a name")

        page.goto("/")
        user.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        scripted(page, ".lookcard")
        page.get_by_role("searchbox").fill(f"harbour {kind}")
        until(page, "document.querySelectorAll('.lookcard').length === 1 && !document.querySelector('.busy')")
        user.click(page.get_by_role("link", name=f"Open Harbour {kind}"))
        page.locator("#verdict").wait_for()
        expect(page.locator("h1")).to_have_text(f"Harbour {kind}")
        user.done("find it again")

        page.goto("/")
        user.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        user.click(page.get_by_role("button", name=f"Duplicate Harbour {kind}", exact=True))
        until(page, f"document.querySelectorAll('.lookcard [aria-label^=\"Open Harbour {kind}\"]').length === 2")
        user.done("duplicate it")

        page.goto("/")
        user.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        user.click(page.get_by_role("button", name=f"Approve Harbour {kind}", exact=True))
        page.get_by_role("button", name=f"Show first Harbour {kind}", exact=True).wait_for()
        user.done("approve it")
        user.click(".undo button")
        page.get_by_role("button", name=f"Approve Harbour {kind}", exact=True).wait_for()
        user.done("take that back")
    assert complaints == []


KEY = "key-of-product-pages"
SHOP = "https://shop.example"
NAMES = ("Pier", "Quay", "Dune", "Reef", "Cove")


@pytest.fixture(scope="module")
def address_of_shop(sample_index, tmp_path_factory):
    """A studio with a public key for product pages, over a catalogue that got three dresses lately."""
    folder = tmp_path_factory.mktemp("shop")
    app = create_app(sample_index, looks=folder / "looks.sqlite", public_key=PublicKey(KEY, [SHOP]))
    index = app.state.shop.view.index
    items = index.catalogue.items
    new = items.filter(group="dress")["item_id"][:3].to_list()
    day = pl.when(pl.col("item_id").is_in(new)).then(pl.lit("2026-06-01")).otherwise(pl.lit("2025-01-01"))
    index._show(Catalogue(items.with_columns(added=day)))
    with running(app) as address:
        yield address


def save_looks(page):
    """A look of two with each name, by the API."""
    tops, bottoms = (
        [item["item_id"] for item in page.request.get(f"/v1/items?group={part}&limit=5").json()["items"]]
        for part in ("top", "bottom")
    )
    for name, top, bottom in zip(NAMES, tops, bottoms, strict=True):
        data = {"name": name, "item_ids": [top, bottom], "who": "Ada"}
        assert page.request.post("/v1/looks", data=data).status == 201


@pytest.mark.browser
@pytest.mark.parametrize("kind", SIZES)
def test_the_tasks_of_a_team_take_so_many_clicks(browser, address_of_shop, kind):
    complaints = []
    with opened(browser, address_of_shop, complaints=complaints, viewport=SIZES[kind]) as page:
        user = User(page, kind)
        page.goto("/")
        if not page.request.get("/v1/looks").json()["looks"]:  # the other size may have been here before, or not
            save_looks(page)

        user.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        for name in NAMES[:2]:
            user.click(page.get_by_label(f"Choose {name}", exact=True))
        user.click(page.get_by_role("button", name="Compare"))
        page.locator(".compared").wait_for()
        chosen = NAMES[0] if kind == "desk" else NAMES[1]
        user.click(page.get_by_role("button", name=f"Choose {chosen}"))
        page.get_by_role("button", name=f"Show first {chosen}", exact=True).wait_for()
        user.done("compare two looks and choose one")

        page.goto("/")
        user.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        for name in NAMES:
            user.click(page.get_by_label(f"Choose {name}", exact=True))
        with page.expect_request("**/looks.pdf?**") as requested:
            user.click(page.get_by_role("button", name="Lookbook"))
        assert requested.value.url.count("look=") == 5
        assert requested.value.response().status in (200, 501)  # without Pango a page says what to install
        user.done("five looks to a colleague, as a lookbook")

        page.goto("/")
        user.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        user.click(page.get_by_role("link", name=f"Share {chosen}", exact=True))
        user.click(page.get_by_role("button", name="Make a public link"))
        user.click(page.locator('[data-copy="public-link"]'))
        link = page.locator("#public-link").input_value()
        assert page.request.get(link).ok
        user.done("a look to a colleague, as a link")

        page.goto("/")
        user.click(page.locator("#tabs").get_by_role("link", name="Review"))
        user.click(page.locator(".kinds-of .pill", has_text="New arrivals"))
        until(page, "document.querySelector('.counted b').textContent === '3'")
        user.click(page.get_by_role("button", name="Make the looks"))
        until(page, "!!document.querySelector('.choices-of [data-press=a]') && !document.querySelector('.busy')")
        user.click(".choices-of > [aria-current=true] [data-press=a]")
        until(page, "document.querySelector('#review progress').value === 1")
        user.done("looks for the new arrivals, the first decided")

        page.goto("/")
        user.click(page.locator("#tabs").get_by_role("link", name="Looks"))
        user.click(page.get_by_role("link", name=f"Share {chosen}", exact=True))
        product = page.get_by_label("The item whose page shows this look")
        item = product.locator("option").nth(1).get_attribute("value")
        page.wait_for_load_state()
        product.select_option(item)  # opens and chooses: one click
        user.clicks += 1
        user.click(page.get_by_role("button", name="Pin", exact=True))
        page.locator("#snippet").wait_for()
        user.click('[data-copy="snippet"]')
        snippet = page.locator("#snippet").input_value()
        assert f'data-item="{item}"' in snippet
        assert f'data-key="{KEY}"' in snippet
        script = re.search('src="(.+?)"', snippet).group(1)
        assert page.request.get(script).headers["content-type"].startswith("text/javascript")
        headers = {"Authorization": f"Bearer {KEY}", "Origin": SHOP}
        answer = page.request.get(f"/storefront/v1/looks/{item}", headers=headers).json()
        assert answer["looks"][0]["name"] == chosen
        user.done("pin a look to a product page, with the snippet for it")
    assert [text for text in complaints if "501" not in text] == []
