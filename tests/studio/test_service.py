"""Service: what it documents, whom it lets in, what it counts."""

import re
from pathlib import Path

from answers import refused
from served import OUTFIT
from starlette.testclient import TestClient

from goeswith.studio.app import create_app


def test_nothing_is_loaded_from_another_host(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "://" not in page
    for path in ("docs/assets/swagger-ui.css", "docs/assets/swagger-ui-bundle.js", "docs/start.js"):
        assert path in page
        answer = client.get(path)
        assert answer.status_code == 200
        assert "text/" in answer.headers["content-type"] or "javascript" in answer.headers["content-type"]
    assert "default-src 'self'" in client.get("/docs").headers["content-security-policy"]
    schema = client.get("/openapi.json").json()
    assert {f"/v1/{name}" for name in ("score", "complete", "fill", "improve", "explain", "similar", "items")} <= set(
        schema["paths"]
    )


def test_a_token_guards_all_but_health(world: Path) -> None:
    app = create_app(world / "index", token="correct-horse-battery")
    with TestClient(app) as client:
        for path in ("/openapi.json", "/metrics", "/v1/items", "/v1/items/i0/image"):
            refused(client.get(path), 401, "token_needed")
        refused(client.post("/v1/reload"), 401, "token_needed")
        for path in ("/", "/docs", "/board?on=i0", "/nowhere"):
            page = client.get(path)
            assert (page.status_code, "/enter" in page.text) == (401, True)
            assert "Item" not in page.text
        refused(client.get("/static/..%2F..%2Fv1%2Fitems"), 404, "not_found")
        for file in ("studio.css", "studio.js", "mark.svg"):  # the form has a style
            assert client.get(f"/static/{file}").status_code == 200
        assert client.get("/health").json()["status"] == "ok"
        with_cookie = client.post("/enter", data={"token": "correct-horse-battery", "back": "/item?item=i0"})
        assert (with_cookie.status_code, "Item 0, black" in with_cookie.text) == (200, True)
        client.cookies.clear()
        assert client.get("/v1/items").status_code == 401
        client.headers["authorization"] = "Bearer correct-horse-battery"
        assert client.get("/v1/items").status_code == client.get("/").status_code == 200
        assert "HTTPBearer" in client.get("/openapi.json").json()["components"]["securitySchemes"]


def test_metrics_count_by_path_and_not_by_id(world: Path) -> None:
    with TestClient(create_app(world / "index")) as client:
        client.get("/v1/items/i0")
        client.get("/v1/items/i1")
        client.get("/v1/items/nope")
        client.get("/random/path")
        client.post("/v1/score", json={"outfits": [OUTFIT, OUTFIT]})
        metrics = client.get("/metrics").text
    counter = 'goeswith_requests_total{method="GET",path="/v1/items/{item_id:path}",status="'
    assert f'{counter}200"}} 2.0' in metrics
    assert f'{counter}404"}} 1.0' in metrics
    assert 'path="other"' in metrics
    assert "random" not in metrics
    assert "goeswith_batch_outfits_sum 2.0" in metrics
    assert "goeswith_items 192.0" in metrics
    assert 'goeswith_request_seconds_count{path="/v1/score"} 1.0' in metrics


def test_every_reason_is_documented() -> None:
    root = Path(__file__).resolve().parents[2]
    code = "".join(path.read_text() for path in (root / "goeswith").glob("**/*.py"))
    reasons = re.findall(r'(?:Refused\(\w+, |reason=|^BAD = )"(\w+)"', code, re.MULTILINE)
    assert len(set(reasons)) > 20
    page = (root / "docs" / "serve.md").read_text()
    missing = {reason for reason in reasons if f"`{reason}`" not in page} - {"internal"}  # which is our mistake
    assert not missing
