"""The script looks.js in a real browser, on product pages of another origin, with a strict policy.

With GOESWITH_SHOTS=FOLDER it writes pictures of the product page there, as the tests of the studio do.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import polars as pl
import pytest
from browsing import expect, opened, running, scripted, served_files, until

from goeswith.data.catalogue import Catalogue
from goeswith.studio import publish
from goeswith.studio.app import create_app
from goeswith.studio.service.looks import Piece, SavedLook
from goeswith.studio.storefront.keys import PublicKey

pytestmark = pytest.mark.browser

KEY = "key-of-product-pages"
DEMO = Path(__file__).resolve().parents[2] / "docs" / "widget"
MOVED = """
window.moved = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) moved += one.value; })
  .observe({type: 'layout-shift', buffered: true});
"""
STATUS = "document.querySelectorAll('goeswith-looks')[{}].shadowRoot.querySelector('[role=status]').textContent"
SHOWN = "document.querySelectorAll('goeswith-looks')[{}].shadowRoot?.querySelector('.item') != null"


@pytest.fixture(scope="module")
def shop(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A service, and a shop on another origin with a product page and published looks."""
    folder = tmp_path_factory.mktemp("pages")
    site = Path(shutil.copytree(DEMO, folder / "site"))
    with served_files(site, "http://127.0.0.1:*") as origin:
        files = {"looks": folder / "looks.sqlite", "clicks": folder / "clicks.sqlite"}
        app = create_app(sample_index, **files, public_key=PublicKey(KEY, [origin]))
        index = app.state.shop.view.index
        items = index.catalogue.items
        link = pl.lit(f"{origin}/product.html?item=") + pl.col("item_id")
        on_sale = pl.when(pl.col("price") > 80).then(pl.col("price") + 20)
        german = pl.lit("Titel ") + pl.col("item_id")
        more = {"currency": pl.lit("EUR"), "link": link, "regular_price": on_sale, "title_de": german}
        index._show(Catalogue(items.with_columns(**more)))
        ids = [items.filter(group=group)["item_id"][1] for group in ("top", "bottom", "dress")]
        shoes = items.filter(group="shoes")["item_id"][:2].to_list()
        for name, with_it in zip(("first", "second"), shoes, strict=True):
            look = SavedLook("", name, tuple(Piece(item_id) for item_id in (*ids[1:], with_it)), state="live")
            app.state.looks.save(look, "a colleague")
        publish(sample_index, site / "static", looks=folder / "looks.sqlite")
        with running(app) as service:
            for item_id in ids:  # looks are made once: a busy machine would take longer than a page waits
                headers = {"Authorization": f"Bearer {KEY}", "Origin": origin}
                urlopen(Request(f"{service}/storefront/v1/looks/{item_id}", headers=headers), timeout=60).close()
            yield {"service": f"{service}/storefront/v1/", "origin": origin, "ids": ids, "site": site, "app": app}


def product(shop: dict[str, Any], **options: str) -> str:
    query = {"item": shop["ids"][0], "key": KEY, "service": shop["service"]} | options
    return f"/product.html?{urlencode({name: value for name, value in query.items() if value})}"


def of_shadow(page: Any, expression: str, index: int = 0) -> Any:
    return page.evaluate(f"((root) => {expression})(document.querySelectorAll('goeswith-looks')[{index}].shadowRoot)")


@pytest.mark.parametrize(("kind", "width"), [("desk", 1280), ("phone", 390)])
def test_a_product_page_shows_looks(browser: Any, shop: dict[str, Any], kind: str, width: int) -> None:
    complaints: list[str] = []
    size = {"width": width, "height": 844}
    with opened(browser, shop["origin"], complaints=complaints, viewport=size, locale="de-DE") as page:
        page.add_init_script(MOVED)
        page.goto(product(shop))
        until(page, SHOWN.format(0))
        page.locator("goeswith-looks").scroll_into_view_if_needed()
        until(page, "[...document.querySelector('goeswith-looks').shadowRoot.querySelectorAll('.look:first-child img')]"
                    ".every((one) => one.complete && one.naturalWidth)")  # fmt: skip
        page.wait_for_load_state("networkidle")
        assert page.evaluate("moved") == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        items = of_shadow(
            page,
            "[...root.querySelectorAll('.item')].map((one) => [one.querySelector('a').href,"
            " one.querySelector('.title').textContent, one.querySelector('.price').textContent])",
        )
        assert len(items) > 5
        assert all(link.startswith(f"{shop['origin']}/product.html?item=") and title for link, title, _ in items)
        assert all(price.startswith("€") for *_, price in items)  # the page says that it is English
        assert not any(title.startswith("Titel ") for _, title, _ in items)
        assert any("before €" in price for *_, price in items)
        assert shop["ids"][0] not in "".join(link for link, *_ in items)  # the page's own item is on it already
        loaded = of_shadow(page, "root.querySelector('img').currentSrc")
        assert loaded.startswith(shop["service"])
        assert KEY not in loaded
        for name, role in (("Complete the look", "region"), ("Look 1", "list")):
            page.get_by_role(role, name=name, exact=True).wait_for()
        expect(page.get_by_role("list", name="Look 1").get_by_role("listitem").nth(1)).to_be_attached()
        add = page.get_by_role("button", name="Add to basket: ").first
        add.focus()
        page.keyboard.press("Enter")
        until(page, "document.getElementById('basket').textContent.startsWith('Basket: 1')")
        until(page, f"{STATUS.format(0)}.endsWith(': Added to the basket')")
        assert of_shadow(page, "root.activeElement.className") == "add"
        page.keyboard.press("Tab")  # on to the next piece
        until(page, "document.querySelector('goeswith-looks').shadowRoot.activeElement.tagName === 'A'")
        boxes = of_shadow(page, "[...root.querySelectorAll('.add')].map((one) => one.getBoundingClientRect().height)")
        assert min(boxes) >= 44
        assert page.evaluate("moved") == 0
        assert page.context.cookies() == []
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert complaints == []
    shots(browser, shop, kind, width)


def test_what_happens_is_posted_where_the_page_gives_a_session(browser: Any, shop: dict[str, Any]) -> None:
    app = shop["app"]
    before = app.state.trial.control
    app.state.trial.control = 1.0  # so that all looks are random ones
    complaints: list[str] = []
    try:
        with opened(browser, shop["origin"], complaints=complaints) as page:
            page.goto(product(shop))  # no session yet: nothing is posted
            until(page, SHOWN.format(0))
            page.locator("goeswith-looks").scroll_into_view_if_needed()
            page.wait_for_timeout(1300)
            assert not app.state.events.path.exists()
            page.evaluate(
                "looks.setAttribute('session', 'visit-1'), looks.setAttribute('item', looks.getAttribute('item'))"
            )
            until(page, "looks.answer && looks.answer.trial === 'control'")
            page.get_by_role("button", name="Add to basket: ").first.click()
            page.evaluate("addEventListener('click', (event) => event.preventDefault())")
            page.locator("goeswith-looks a").first.click()
            shown = page.evaluate("looks.answer.looks.map((look) => look.look_id)")
            for _ in range(1200):
                events = app.state.events.shown()
                if len(events) and events["basket"].any() and events["clicked"].any() and events["shown"].any():
                    break
                page.wait_for_timeout(50)
            assert page.context.cookies() == []
    finally:
        app.state.trial.control = before
    assert set(events["session"]) == {"visit-1"}
    assert set(events["item"]) == {shop["ids"][0]}
    assert set(events["source"]) == {"random"}
    assert set(events["trial"]) == {"control"}
    assert set(events["look"]) <= set(shown)
    first = events.filter(look=shown[0]).row(0, named=True)
    assert (first["shown"], first["clicked"], first["basket"]) == (True, True, True)
    assert complaints == []


def test_several_on_one_page_in_other_words(browser: Any, shop: dict[str, Any]) -> None:
    """As script tags, as elements, and put in later; with hostile data, in German, and refused ones."""
    first, second, third = shop["ids"]
    script = f'<script async src="{shop["service"]}looks.js"'
    text = f"""<!doctype html><html lang="de"><meta charset="utf-8"><title>Seite</title><body>
      <script src="several.js"></script>
      {script} data-item="{first}" data-key="{KEY}" data-limit="1" data-with-item></script>
      <goeswith-looks item="{second}" key="{KEY}" limit="2" heading="Dazu" on-add="basket.add"></goeswith-looks>
      <goeswith-looks item="no-such-item" key="{KEY}" id="none"></goeswith-looks>
      <goeswith-looks item="{first}" key="not-the-public-key" id="refused"></goeswith-looks>
      <p id="end">Ende</p>{script}></script></html>"""
    (shop["site"] / "several.html").write_text(text)
    (shop["site"] / "several.js").write_text(
        "window.seen = []; window.basket = {put: [], add({item}) { this.put.push(item.item_id); return false; }};"
        "for (const name of ['shown', 'none', 'add']) addEventListener('goeswith:' + name, ({detail, target}) =>"
        " seen.push([name, target.id, detail.reason || detail.item.item_id]));"
    )
    hostile = shop["app"].state.shop.view.index
    catalogue = hostile.catalogue
    items = catalogue.items.with_columns(link=pl.lit("javascript:document.title='broken'"), currency=pl.lit("€€€"))
    with opened(browser, shop["origin"]) as page:
        page.goto("/several.html")
        until(page, "seen.length === 4")
        seen = {(name, detail) for name, _, detail in page.evaluate("seen")}
        assert {("shown", first), ("shown", second), ("none", "404 Not Found"), ("none", "401 Unauthorized")} == seen
        assert page.evaluate("getComputedStyle(document.getElementById('none')).display") == "block"  # it is in view
        assert of_shadow(page, "root.querySelector('.heading').textContent") == "Dazu passt"
        assert of_shadow(page, "root.querySelectorAll('.look').length") == 1
        assert first in of_shadow(page, "root.querySelector('a').href")  # data-with-item
        assert of_shadow(page, "root.querySelector('.price').textContent").replace("\xa0", " ").endswith(" €")
        assert of_shadow(page, "root.querySelectorAll('.add').length") == 0
        assert of_shadow(page, "root.querySelector('.heading').textContent", 1) == "Dazu"
        assert of_shadow(page, "root.querySelector('.title').textContent").startswith("Titel ")
        page.evaluate("document.querySelector('goeswith-looks').lang = 'en-GB'")
        title = "document.querySelector('goeswith-looks').shadowRoot.querySelector('.title')?.textContent"
        until(page, f"({title} ?? 'Titel ').startsWith('Titel ') === false")
        page.get_by_role("button", name="In den Warenkorb").first.click()
        until(page, "basket.put.length === 1")
        until(page, f"{STATUS.format(1)}.endsWith('Das ging leider nicht')")
        hostile._show(Catalogue(items))
        page.evaluate(f"document.querySelectorAll('goeswith-looks')[1].setAttribute('item', '{third}')")
        until(page, f"seen.some(([name, , told]) => name === 'shown' && told === '{third}')")
        assert of_shadow(page, "root.querySelectorAll('a').length", 1) == 0
        assert of_shadow(page, "root.querySelector('.price').textContent", 1)
        hostile._show(catalogue)


def test_where_the_service_is_down_nothing_is_shown_and_nothing_moves(browser: Any, shop: dict[str, Any]) -> None:
    tall = "<p>Text</p>" * 60
    element = f'<goeswith-looks item="a" src="http://127.0.0.1:9/" key="{KEY}"></goeswith-looks>'
    script = f'<script src="{shop["service"]}looks.js" async></script>'
    head = '<!doctype html><title>a</title><link rel="stylesheet" href="product.css">'  # it reserves the place
    (shop["site"] / "above.html").write_text(f"{head}{element}<p>Below</p>{tall}{script}")
    (shop["site"] / "below.html").write_text(f"{head}{tall}{element}<p>Below</p>{script}")
    with opened(browser, shop["origin"], viewport={"width": 800, "height": 600}) as page:
        page.add_init_script(MOVED)
        failed = "document.querySelector('goeswith-looks').shadowRoot?.querySelector('.none') != null"
        gone = "getComputedStyle(document.querySelector('goeswith-looks')).display === 'none'"
        page.goto("/above.html")
        until(page, failed)
        page.wait_for_load_state("networkidle")
        assert not page.evaluate(gone)  # what is below it is in view
        assert page.evaluate("moved") == 0
        page.goto("/below.html")
        page.evaluate("scrollTo(0, 1300)")  # near enough to be asked for
        until(page, failed)
        until(page, gone)
        assert page.evaluate("moved") == 0


def test_published_files_need_no_service(browser: Any, shop: dict[str, Any]) -> None:
    complaints: list[str] = []
    with opened(browser, shop["origin"], complaints=complaints) as page:
        page.add_init_script(MOVED)
        page.goto(product(shop, item=shop["ids"][1], key="", service="static/", src="static"))
        until(page, SHOWN.format(0))
        page.locator("goeswith-looks").scroll_into_view_if_needed()
        until(page, "[...document.querySelector('goeswith-looks').shadowRoot.querySelectorAll('.look:first-child img')]"
                    ".every((one) => one.complete && one.naturalWidth)")  # fmt: skip
        assert of_shadow(page, "root.querySelectorAll('.look').length") == 2
        assert of_shadow(page, "root.querySelector('img').currentSrc").startswith(f"{shop['origin']}/static/pictures/")
        page.goto("/static/index.html")
        page.locator("li a").nth(2).click()
        scripted(page, "section")
        until(page, "[...document.querySelectorAll('section:first-of-type img')].every((one) => one.naturalWidth)")
        page.set_viewport_size({"width": 360, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if folder := os.environ.get("GOESWITH_SHOTS"):
            page.set_viewport_size({"width": 1000, "height": 700})
            page.screenshot(path=Path(folder) / "published-desk-light.jpg", type="jpeg", quality=82)
    assert complaints == []


def shots(browser: Any, shop: dict[str, Any], kind: str, width: int) -> None:
    folder = os.environ.get("GOESWITH_SHOTS")
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    theme = "light" if kind == "desk" else "dark"
    with opened(browser, shop["origin"], viewport={"width": width, "height": 900}, color_scheme=theme) as page:
        page.goto(product(shop))
        until(page, SHOWN.format(0))
        time.sleep(2)
        page.screenshot(path=Path(folder) / f"product-{kind}-{theme}.jpg", type="jpeg", quality=82, full_page=True)
