"""What the service answers, taken apart, and pictures to send to it."""

import io
from html.parser import HTMLParser
from typing import Any

from PIL import Image


class Parts(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, kind: str, **wanted: str) -> list[dict[str, Any]]:
        return [a for tag, a in self.tags if tag == kind and all(a.get(key) == value for key, value in wanted.items())]


def cards(text: str) -> list[str]:
    """Ids of the items that a page shows as cards."""
    return [button["value"] for button in Parts(text).of("button", name="toggle")]


def refused(answer: Any, status: int, reason: str, *words: str) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(error) == {"type", "title", "status", "detail", "reason", "item_ids", "choices"}
    assert error["status"] == status
    assert error["reason"] == reason, error
    assert "Traceback" not in answer.text
    assert "\n" not in error["detail"]
    for word in words:
        assert word in error["detail"], error


def png(width: int = 40, height: int = 60, grey: int = 128) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), (grey, grey, grey)).save(written, "PNG")
    return written.getvalue()
