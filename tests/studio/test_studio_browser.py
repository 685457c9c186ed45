"""The studio in a real browser, over the generated sample: what people click, type and see.

With GOESWITH_SHOTS=FOLDER the tests write a picture of each page there, on a desk in light colours and
on a phone in dark ones, of a model that was trained for longer.
"""

import re

import pytest
from browsing import SCRIPT, expect, item_ids, scripted, shoot, until

pytestmark = pytest.mark.browser

QUIET = "!document.querySelector('#more[data-load], .busy') && !!document.querySelector('#more .kind')"
"""Nothing of the board is on its way."""


@pytest.mark.parametrize(
    ("name", "path", "wait"),
    [
        ("begin", "/", ".lookcard img"),
        ("catalogue", "/catalogue", ".card"),
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
    expect(page).to_have_title(re.compile("goeswith"))
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shoot(browser, address, name, path, wait)


def test_the_board_from_the_wall_to_undo_and_a_shared_link(page, browser, address):
    first, second, third = item_ids(page, 3)
    page.locator(f'button[value="{first}"]').click()
    page.locator("#tray .photo").wait_for()
    page.locator(f'button[value="{second}"]').click()
    page.locator("#tray .verdict b").wait_for()
    expect(page.locator('button[aria-pressed="true"]')).to_have_count(2)
    expect(page).to_have_url(re.compile(f"on={first}&on={second}"))  # a reload keeps it
    page.locator("#tray .button").click()
    expect(page.locator(".pieces li")).to_have_count(2)
    before = scripted(page, "#verdict").inner_text()
    until(page, QUIET)
    for tab in range(page.locator("#more .kind").count()):  # any two pieces: not every slot has a score with them
        page.locator("#more .kind").nth(tab).click()
        until(page, f"document.querySelectorAll('#more .kind')[{tab}]?.ariaCurrent === 'true'")
        until(page, QUIET)
        if page.locator('#more a[aria-label^="Add"]').count():
            break
    page.locator('#more a[aria-label^="Add"]').first.click()
    until(page, "document.querySelectorAll('.pieces li').length === 3")
    until(page, QUIET)
    after = page.locator("#verdict").inner_text()
    link = page.url
    assert link.count("on=") == 3
    page.locator("[data-undo]").click()
    until(page, "document.querySelectorAll('.pieces li').length === 2")
    expect(page.locator("#verdict")).to_have_text(before, use_inner_text=True)
    page.goto(link)
    expect(page.locator("#verdict")).to_have_text(after, use_inner_text=True)
    until(page, QUIET)
    page.locator(".pieces .lock").first.focus()
    page.keyboard.press("Space")  # it is a button
    page.locator('.pieces .lock[aria-pressed="true"]').wait_for()
    expect(page).to_have_url(re.compile("lock="))
    until(page, QUIET)
    page.locator('.pieces a[aria-label^="Swap"]').first.click()
    until(page, "location.search.includes('swap=')")
    until(page, QUIET)
    page.locator('#more a[aria-label^="Swap for"]').first.click()
    until(page, "!location.search.includes('swap=')")
    expect(page.locator(".pieces li")).to_have_count(3)
    until(page, QUIET)
    page.locator("details.save summary").click()
    page.get_by_role("button", name="Save the look").click()
    until(page, "location.search.includes('look=')")
    assert third


def test_a_board_is_drawn(page, browser, address):
    page.goto("/board")
    sizes = [page.locator(".look").nth(index).locator("img").count() for index in range(page.locator(".look").count())]
    page.locator(".look").nth(sizes.index(max(sizes))).click()
    page.locator("#verdict").wait_for()
    page.locator("#more .row").first.wait_for()
    page.wait_for_load_state("networkidle")
    count = page.locator(".pieces li").count()
    assert page.locator(".lay .piece").count() == count
    assert page.locator(".lay .link").count() == count * (count - 1) // 2
    assert not page.locator(".lay .lines").first.is_visible()  # an outfit, no diagram
    boxes = [page.locator(".lay .piece").nth(index).bounding_box() for index in range(count)]
    canvas = page.locator(".lay").bounding_box()
    for index, box in enumerate(boxes):
        assert canvas["x"] - 1 <= box["x"]
        assert box["x"] + box["width"] <= canvas["x"] + canvas["width"] + 1
        for other in boxes[index + 1 :]:
            apart_x = max(box["x"], other["x"]) >= min(box["x"] + box["width"], other["x"] + other["width"]) - 1
            apart_y = max(box["y"], other["y"]) >= min(box["y"] + box["height"], other["y"] + other["height"]) - 1
            assert apart_x or apart_y  # no piece lies on another
    page.locator("label.xray").click()
    expect(page.locator(".lay .lines").first).to_be_visible()
    ends = page.locator(".lay .link").evaluate_all(
        "lines => lines.map((line) => [+line.getAttribute('x1'), +line.getAttribute('y1')])"
    )
    middles = [
        (
            (b["x"] + b["width"] / 2 - canvas["x"]) / canvas["width"] * 900,
            (b["y"] + b["height"] / 2 - canvas["y"]) / canvas["height"] * 1000,
        )
        for b in boxes
    ]
    for x, y in ends:  # a line starts in the middle of its piece
        assert min(abs(x - mx) + abs(y - my) for mx, my in middles) < 6
    shoot(browser, address, "board", page.url.removeprefix(address), ".lay")


def test_the_wall_scrolls_on_to_its_end(page):
    page.goto("/catalogue")
    total = int(page.locator(".found span").inner_text().split()[0].replace(",", ""))
    assert 0 < page.locator(".card").count() < total
    while (shown := page.locator(".card").count()) < total:
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        until(page, f"document.querySelectorAll('.card').length > {shown}")
    values = page.locator('button[name="toggle"]').evaluate_all("cards => cards.map((card) => card.value)")
    assert len(values) == len(set(values)) == total
    expect(page.locator("[data-next]")).to_have_count(0)


def test_words_and_filters_change_the_wall_at_once(page):
    page.goto("/catalogue")
    words = page.locator(".card .name").first.inner_text().lower().split()[:2]
    page.locator("#q").fill(" ".join(reversed(words)))
    until(page, "location.search.includes('q=')")
    until(page, "!document.querySelector('.busy')")
    names = page.locator(".card .name").all_inner_texts()
    assert names
    assert all(word in name.lower() for name in names for word in words)
    until(page, "document.activeElement.id === 'q'")  # typing goes on
    page.go_back()
    until(page, "!location.search.includes('q=')")
    until(page, "!document.querySelector('.busy')")
    page.get_by_role("link", name="Bags").click()
    until(page, "location.search.includes('group=bag')")
    until(page, "!document.querySelector('.busy')")
    page.locator(".filters summary").click()
    page.locator('.facet input[value="black"]').check()
    until(page, "location.search.includes('colour=black')")
    expect(page.locator(".pill[aria-current]")).to_have_text(re.compile("^Bags"))


def test_the_quiz_by_keys(page):
    page.goto("/quiz?seed=3")
    page.keyboard.press("2")
    page.locator(".choices .right").wait_for()
    expect(page.locator(".choices .right")).to_have_count(1)
    expect(page.locator(".tally small").nth(1)).to_have_text("of 1")
    right = page.locator(".choices li").nth(1).get_attribute("class") == "right"
    expect(page.locator("#you")).to_have_text("1" if right else "0")
    page.keyboard.press("Enter")
    scripted(page, ".choices button")
    expect(page).to_have_url(re.compile("asked=1"))
    page.keyboard.press("4")
    page.locator(".choices .right").wait_for()
    expect(page.locator(".tally small").nth(1)).to_have_text("of 2")


def test_a_board_with_keys_alone(page):
    page.goto("/catalogue")
    page.keyboard.press("Tab")
    until(page, "document.activeElement.className === 'skip'")
    page.locator(".wall .photo").first.focus()
    page.keyboard.press("Enter")
    page.locator("#tray .photo").wait_for()
    until(page, "!document.querySelector('.busy')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.locator("#tray .verdict b").wait_for()
    until(page, "!document.querySelector('.busy')")
    page.locator("#tray .button").focus()
    page.keyboard.press("Enter")
    scripted(page, ".pieces .out").focus()
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.pieces li').length === 1")
    until(page, "document.activeElement.classList.contains('knob')")  # the focus is not lost
    page.keyboard.press("Control+z")
    until(page, "document.querySelectorAll('.pieces li').length === 2")
    outline = page.evaluate(
        "(document.querySelector('.pieces .out').focus(), getComputedStyle(document.activeElement).outlineStyle)"
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
    keep = page.get_by_role("button", name="Keep blouse")  # one colour all over looks like something else
    keep.wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    keep.click()
    page.locator("#verdict").wait_for()
    page.evaluate("document.querySelector('[data-undo]').hidden = false")
    page.evaluate("document.querySelector('.save summary').lastChild.textContent = ' Saved'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(page.get_by_role("link", name="My blouse", exact=True)).to_have_count(1)
    expect(page.get_by_role("link", name="My blouse: swap or move")).to_have_count(1)
    (tmp_path / "lie.jpg").write_text("not a picture")
    page.goto("/upload")
    page.locator('input[type="file"]').set_input_files(tmp_path / "lie.jpg")


def test_a_rule_that_is_written_shows_what_it_changes(page):
    page.goto("/rules")
    page.locator("#coverage").wait_for()
    page.get_by_label("Attribute").select_option("colour")
    page.get_by_label("Top or outerwear has").fill("black/white/grey")
    page.get_by_label("Bottom or dress has").fill("black/white/grey")
    page.get_by_role("button", name="Add the rule").click()
    page.get_by_text("written here").first.wait_for()
    expect(page.locator("#coverage")).not_to_have_text("0 %")
    until(page, "!document.querySelector('.busy')")
    while count := page.locator(".switch:checked").count():
        page.locator(".switch:checked").first.click()
        until(page, f"document.querySelectorAll('.switch:checked').length < {count}")
        until(page, "!document.querySelector('.busy')")
    until(page, "document.querySelector('#coverage').textContent === '0 %'")
    expect(page.locator(".switch")).not_to_have_count(0)


def test_a_script_in_a_title_never_runs(page):
    page.goto("/catalogue?q=script")
    expect(page.locator(".card .name")).to_have_text(SCRIPT, ignore_case=True)
    page.locator('button[name="toggle"]').click()
    page.locator("#tray .photo").wait_for()
    page.locator("#tray .button").click()
    page.locator("#more .row").first.wait_for()
    expect(page).to_have_title("Board · goeswith")


def test_light_and_dark_by_switch(page):
    page.goto("/catalogue")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("[data-theme-switch]").click()
    until(page, f"getComputedStyle(document.body).backgroundColor !== {light!r}")
    page.reload()
    until(page, "document.documentElement.dataset.theme === 'dark'")


def test_the_catalogue_is_found_again_as_it_was_left(page):
    """Filters and place: back from an item, and by way of the board."""
    page.goto("/catalogue")
    page.locator(".filters summary").click()
    page.locator('.facet input[value="women"], .facet input[value="unisex"]').first.check()
    until(page, "location.search.includes('gender=')")
    while (shown := page.locator(".card").count()) <= 120:
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        until(page, f"document.querySelectorAll('.card').length > {shown}")
    card = page.locator(".card").nth(110)
    card.scroll_into_view_if_needed()
    top, item = card.bounding_box()["y"], card.locator("button").get_attribute("value")
    card.locator(".name").click()
    page.locator(".trail").wait_for()
    for way in ("back", "tab"):
        if way == "tab":
            page.goto("/board")
            page.locator("#tabs").get_by_role("link", name="Catalogue").click()
        else:
            page.go_back()
        page.locator(f'.card button[value="{item}"]').wait_for()
        there = f"document.querySelector('.card button[value=\"{item}\"]').getBoundingClientRect().y"
        until(page, f"Math.abs({there} - {top}) < 200")
        expect(page).to_have_url(re.compile("gender="))


def test_words_filters_and_order_work_together_while_typing(page):
    page.goto("/catalogue")
    words = page.locator("#q")
    words.press_sequentially("blazr", delay=30)
    expect(page.locator(".reading")).to_contain_text("“blazr” as “blazer”")
    until(page, "document.activeElement.id === 'q'")
    until(page, "!document.querySelector('.busy')")
    page.locator('[name="sort"]').select_option("cheap")
    until(page, "location.search.includes('sort=cheap')")
    until(page, "!document.querySelector('#results.busy')")
    prices = [float(text) for text in page.locator(".card .facts .number").all_inner_texts()]
    assert prices == sorted(prices)
    page.locator(".filters summary").click()
    box = page.locator('.facet input[name="colour"]').first
    box.focus()
    page.keyboard.press("Space")
    page.locator(".chip").wait_for()
    until(page, "document.activeElement.name === 'colour'")  # the focus stays where it was
    expect(page.locator(".filters")).to_have_attribute("open", "")
    until(page, "!document.querySelector('.busy')")
    page.locator(".chip").click()
    until(page, "!document.querySelector('.chip')")
    expect(page).to_have_url(re.compile("sort=cheap"))
