"""What several tests share."""

import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# Small tensors: on busy or few cores, threads that wait for each other cost more than they help.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import typer.main
import typer.testing
from hypothesis import settings

# How long an example takes says more of the machine than of us; each run tries other examples.
settings.register_profile("patient", deadline=None, max_examples=50)
settings.load_profile("patient")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from starlette.testclient import TestClient

    from goeswith.studio.service.catalogue_view import CatalogueView
    from goeswith.studio.service.looks import Looks

# Hundreds of tests call a command, and each call would build all commands again.
typer.main.get_command = typer.testing._get_command = functools.cache(typer.main.get_command)

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real outfits; the test is skipped where it is not there."""
    if not REAL.is_dir():
        pytest.skip("the real outfits (../shared/data) are not here")
    return REAL


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny shop, a run and its ``index``; see `served`."""
    import served

    folder = tmp_path_factory.mktemp("served")
    served.make_index(folder)
    return folder


@pytest.fixture(scope="module")
def client(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["TestClient"]:
    """A client of the service over it, programs' paths and pages alike."""
    from starlette.testclient import TestClient

    from goeswith.studio.app import create_app

    looks = tmp_path_factory.mktemp("saved") / "looks.sqlite"
    with TestClient(create_app(world / "index", looks=looks)) as client:
        yield client


@pytest.fixture
def empty_client(world: Path, tmp_path: Path) -> Iterator["TestClient"]:
    """A client of a service that has no saved looks yet; it does not follow redirects."""
    from starlette.testclient import TestClient

    from goeswith.studio.app import create_app

    with TestClient(create_app(world / "index", looks=tmp_path / "looks.sqlite"), follow_redirects=False) as client:
        yield client


@pytest.fixture
def store(empty_client: "TestClient") -> "Looks":
    """The saved looks of `empty_client`."""
    return empty_client.app.state.looks  # type: ignore[attr-defined]


@pytest.fixture
def view(client: "TestClient") -> "CatalogueView":
    """The open index that the client asks."""
    return client.app.state.shop.view  # type: ignore[attr-defined]


@pytest.fixture
def copied(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, "TestClient"]]:
    """A copy of the index to be spoilt, and a client of the service over it; uploads are seen as `served.seen` does."""
    import served
    from starlette.testclient import TestClient

    from goeswith.shop.guests import GuestEncoder
    from goeswith.studio.app import create_app

    monkeypatch.setattr(GuestEncoder, "features", served.seen)
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    with TestClient(create_app(index)) as client:
        yield index, client


@pytest.fixture(scope="session")
def sample_index(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The index of a small generated sample, for the tests in a browser; one for all processes of the tests."""
    from browsing import make_sample
    from filelock import FileLock

    folder = tmp_path_factory.getbasetemp()
    folder = (folder if worker_id == "master" else folder.parent) / "browser"
    with FileLock(f"{folder}.lock"):
        if not (folder / "index").exists():
            folder.mkdir(exist_ok=True)
            make_sample(folder)
    return folder / "index"


@pytest.fixture(scope="module")
def address(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a studio over it answers."""
    from browsing import running

    from goeswith.studio.app import create_app

    with running(create_app(sample_index, looks=tmp_path_factory.mktemp("saved") / "looks.sqlite")) as address:
        yield address


@pytest.fixture(scope="module")
def browser(sample_index: Path) -> Iterator["Browser"]:
    """Chromium."""
    from browsing import CHROMIUM, FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser", address: str) -> Iterator["Page"]:
    """A page on a desk; whatever its console complains of fails the test."""
    from browsing import opened

    complaints: list[str] = []
    with opened(browser, address, complaints=complaints) as page:
        yield page
    assert complaints == []
