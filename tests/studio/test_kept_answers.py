"""Kept answers: the same request is not computed twice while items and rules stay as they are."""

import functools
from pathlib import Path
from typing import Any

import pytest
from served import OUTFIT
from starlette.testclient import TestClient

from goeswith.shop.stylist import Stylist
from goeswith.studio.app import create_app


def test_a_request_is_computed_once_until_items_or_rules_change(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    complete = Stylist.complete_steps

    @functools.wraps(complete)
    def counted(stylist: Stylist, *args: Any, **options: Any) -> Any:
        calls.append(options)
        return complete(stylist, *args, **options)

    monkeypatch.setattr(Stylist, "complete_steps", counted)
    app = create_app(world / "index")
    with TestClient(app) as client:
        calls.clear()
        body = {"anchors": [OUTFIT[0]], "slots": ["bottom"], "k": 2}
        first, again = (client.post("/v1/complete", json=body).json() for _ in range(2))
        assert first == again
        assert len(first["looks"]) == 2
        assert len(calls) == 1
        assert len(client.post("/v1/complete", json=body | {"k": 1}).json()["looks"]) == 1
        assert len(calls) == 2
        fewer = body | {"filters": {"colours": ["red"]}}
        assert client.post("/v1/complete", json=fewer).json() != first
        refusals = [client.post("/v1/complete", json=body | {"anchors": ["nope"]}).status_code for _ in range(2)]
        assert refusals == [422, 422]
        before = len(calls)
        shop = app.state.shop
        shop.index.follow([])  # as when a rule is switched, or a photo comes
        client.post("/v1/complete", json=body)
        assert len(calls) == before + 1
