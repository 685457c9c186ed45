"""The studio in a real browser, over the generated sample: what the tests that click, type and look have in common."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SCRIPT = "<script>document.title = 'broken in'</script>"
PATIENCE = 60_000
"""Milliseconds: two busy cores are slow."""


def make_sample(folder: Path) -> Path:
    """The index of a small generated sample and a model that was trained for a few seconds; larger for pictures.

    Its outfits are enough for looks to have verdicts.
    """
    if not CHROMIUM:
        pytest.skip("there is no chromium here; on Debian: apt-get install chromium")
    pytest.importorskip("playwright", reason="playwright is not installed: pip install 'goeswith[dev]'")
    pytest.importorskip("efficientnet_lite_pytorch", reason="the encoders are not installed")
    from goeswith.data.dataset import Dataset, create
    from goeswith.data.encoders.encode import encode
    from goeswith.data.freeze import freeze
    from goeswith.data.readers import read
    from goeswith.shop.build import build_index
    from goeswith.train.training import train

    shown = bool(os.environ.get("GOESWITH_SHOTS"))
    drawn = read("sample", None, workdir=folder, outfits=4000 if shown else 1800, items=660 if shown else 440, seed=1)
    drawn.items = drawn.items.with_columns(title=drawn.items["title"].scatter(0, SCRIPT))
    create(drawn, folder / "sample", layout="sample")
    dataset = Dataset(f"{folder / 'sample'}#users")
    encode(dataset, "efficientnet-lite0")
    freeze(dataset.catalogue, dataset.outfits, dataset.path / "questions", prefix="users")
    settings = ["hidden=64", f"epochs={20 if shown else 3}", "batch_size=64", "negatives=matched"]
    train("add-gnn", dataset, folder / "add-gnn-sample", settings=settings)
    assert build_index(folder / "add-gnn-sample", dataset, folder / "index").scale
    return folder / "index"


@contextmanager
def running(app) -> Iterator[str]:
    """The address of an app that answers there meanwhile."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@contextmanager
def opened(browser, address, *, complaints=None, **options):
    """A page on a desk; what its console complains of goes into a list."""
    settings = {"viewport": {"width": 1440, "height": 900}, "base_url": address, "reduced_motion": "reduce"} | options
    context = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    if complaints is not None:
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()


def expect(subject):
    """An assertion on a page or on its elements that waits until it holds: pages, scripts and answers take time."""
    from playwright.sync_api import expect as playwright_expect

    playwright_expect.set_options(timeout=PATIENCE)
    return playwright_expect(subject)


def until(page, expression):
    """Wait until it is true, and the page's scripts have run.

    The page's own policy forbids the evaluation that `wait_for_function` needs.
    """
    from playwright.sync_api import Error

    ends = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            if page.evaluate(expression):
                return page.wait_for_load_state("domcontentloaded")
        except Error as error:  # another page is on its way
            if "context" not in str(error):
                raise
        assert time.monotonic() < ends, f"never: {expression}"
        page.wait_for_timeout(50)


def scripted(page, selector):
    """The first element of that kind, once the page's scripts have run: before that nobody listens to it."""
    page.locator(selector).first.wait_for()
    page.wait_for_load_state("domcontentloaded")
    return page.locator(selector).first


def item_ids(page, count, query=""):
    page.goto(f"/catalogue{query}")
    return [page.locator('button[name="toggle"]').nth(number).get_attribute("value") for number in range(count)]


def board_of(page, ids):
    page.goto("/board?" + "&".join(f"on={item_id}" for item_id in ids))
    page.locator("#verdict").wait_for()


def shoot(browser, address, name, path, wait):
    """Pictures of a page, into the folder that GOESWITH_SHOTS names."""
    folder = os.environ.get("GOESWITH_SHOTS")
    if not folder:
        return
    for width, height, theme in ((1440, 900, "light"), (390, 844, "dark")):
        size = {"width": width, "height": height}
        with opened(browser, address, viewport=size, color_scheme=theme) as page:
            page.goto(path)
            page.locator(wait).first.wait_for()
            page.wait_for_load_state("networkidle")
            page.evaluate("document.querySelectorAll('img').forEach((picture) => { picture.loading = 'eager'; })")
            until(page, "[...document.images].every((picture) => picture.complete)")
            page.evaluate("Promise.all([...document.images].map((picture) => picture.decode().catch(() => null)))")
            Path(folder).mkdir(parents=True, exist_ok=True)
            kind = "phone" if width < 500 else "desk"
            # JPEG: the pictures are kept in the project, and a page of photos is ten times as large as PNG.
            page.screenshot(path=Path(folder) / f"{name}-{kind}-{theme}.jpg", type="jpeg", quality=82)


POLICY = "default-src 'none'; script-src 'self' {0}; connect-src 'self' {0}; img-src 'self' data: {0}; style-src 'self'"


@contextmanager
def served_files(folder: Path, others: str = "") -> Iterator[str]:
    """The address of plain files, as any web server sends them: an origin of its own, with a strict policy.

    others: origins that its pages may load from.
    """
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def end_headers(self):
            self.send_header("Content-Security-Policy", POLICY.format(others))
            self.send_header("Access-Control-Allow-Origin", "*")
            super().end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
