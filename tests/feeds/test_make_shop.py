"""The shop that one can try things with: its exports, its orders, and the pictures that they name."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import exports
import pytest

from goeswith.data.readers import read
from goeswith.data.readers.export import recognise

sys.path.insert(0, str(Path(__file__).parent))
from make_shop import make


@pytest.mark.slow
def test_every_export_of_a_made_shop_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SITE", exports.SITE)  # which is changed
    make(tmp_path, 40, "http://localhost:9000/")
    assert len(exports.WRITERS) == 7
    for name in exports.WRITERS:
        source = tmp_path / name.replace(".", "-")
        imported = read(recognise(source), source, workdir=tmp_path)
        assert len(imported.items) == 40
        assert len(imported.outfits) > 60
        assert len(imported.addresses) == 40
        for address in imported.addresses.values():
            assert address.startswith("http://localhost:9000/cdn/")
            assert (tmp_path / "site" / urlsplit(address).path[1:]).is_file()
    assert (tmp_path / "site" / "product.html").is_file()
