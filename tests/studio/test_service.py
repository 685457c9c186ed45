"""Service: what it documents, whom it lets in, what it counts."""

import re
from pathlib import Path
from typing import Any

from answers import png, refused
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


def test_the_docs_say_on_which_paths_earlier_names_are_accepted(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    accepted = set()
    for path, route in ((path, route) for path, kinds in schema["paths"].items() for route in kinds.values()):
        texts = [str(route.get("requestBody", ""))]
        while names := set(re.findall(r"schemas/(\w+)", texts[-1])):
            texts.append("".join(str(schema["components"]["schemas"][name]) for name in sorted(names)))
        accepted |= {(old, path) for old in re.findall(r"Formerly `(\w+)`", "".join(texts))}
        accepted |= {(each["name"], path) for each in route.get("parameters", []) if each.get("deprecated")}
    text = (Path(__file__).parents[2] / "docs" / "serve.md").read_text()
    table = text.partition("| earlier | now | where |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1:] for row in table.splitlines()[2:]]
    documented = {(old, path) for earlier, _, where, _ in rows for old in re.findall(r"`(\w+)`", earlier)
            for path in re.findall(r"`(/\S+)`", where)}  # fmt: skip
    assert documented == accepted


def test_all_endpoints_call_a_thing_by_one_name(client: TestClient) -> None:
    """Over the schema: one name has one type in all requests, and one in all answers; ids and items are told apart."""
    schema = client.get("/openapi.json").json()
    models = schema["components"]["schemas"]
    bodies = [route["requestBody"]["content"] for path in schema["paths"].values() for route in path.values()
              if "requestBody" in route]  # fmt: skip
    asked = {name for body in bodies for name in re.findall(r"schemas/(\w+)", str(body))}
    while more := {name for model in asked for name in re.findall(r"schemas/(\w+)", str(models[model]))} - asked:
        asked |= more
    events = bodies[[*map(str, bodies)].index(next(text for text in map(str, bodies) if "'event_id'" in text))]

    def kind(field: dict[str, Any]) -> str:
        """Type of a field, whatever its limits and whether it may be null."""
        field = next((each for each in field.get("anyOf", []) if each.get("type") != "null"), field)
        name = field.get("$ref", "").rpartition("/")[2]
        if "items" in field:
            return f"list of {kind(field['items'])}"
        return "object" if name and "properties" in models[name] else str(field.get("type", "object"))

    fields: dict[str, dict[str, set[str]]] = {"asked": {}, "answered": {}}

    def collect(side: str, name: str, field: dict[str, Any]) -> None:
        if not field.get("deprecated"):
            fields[side].setdefault(name, set()).add(kind(field))

    for name, model in models.items():
        for field, about in model.get("properties", {}).items():
            collect("asked" if name in asked else "answered", field, about)
    for field, about in events["application/json"]["schema"]["properties"]["events"]["items"]["properties"].items():
        collect("asked", field, about)
    for path in schema["paths"].values():
        for parameter in [each for route in path.values() for each in route.get("parameters", [])]:
            if parameter["in"] == "query":
                collect("asked", parameter["name"], parameter | parameter["schema"])
    several = {side: {name: kinds for name, kinds in names.items() if len(kinds) > 1} for side, names in fields.items()}
    # in addresses a name is repeated, once for each value
    repeated = {"item_id", "category", "group", "brand", "colour", "season", "gender"}
    assert several["asked"] == {name: {"string", "list of string"} for name in repeated}
    assert several["answered"] == {
        "added": {"string", "list of string"},  # by a swap, by a look
        "changed": {"string", "boolean"},  # when a look was, whether the index was
        "image": {"string", "object"},  # its path, and all that a product page needs of it
    }
    assert not {"anchors", "item", "items", "id", "look", "keep"} & set(fields["asked"])
    for names in fields.values():
        for name, kinds in names.items():
            if name.endswith("_id"):
                assert kinds <= {"string", "integer", "list of string"}, name
            assert not name.endswith("_ids") or kinds == {"list of string"}, name
    for side, name, wanted in (
        ("asked", "item_ids", "list of string"),
        ("asked", "locked", "list of string"),
        ("answered", "item_ids", "list of string"),
        ("answered", "items", "list of object"),
        ("answered", "item", "object"),
        ("answered", "looks", "list of object"),
        ("answered", "why_none", "string"),
    ):
        assert fields[side][name] == {wanted}, name
    for model in models.values():  # items are objects with ids, wherever they are
        of_items = model.get("properties", {}).get("items", {})
        if kind(of_items) == "list of object":
            assert "item_id" in models[of_items["items"]["$ref"].rpartition("/")[2]]["properties"]


def test_earlier_names_of_fields_are_still_accepted(client: TestClient) -> None:
    for path, new, old, more in (
        ("complete", "item_ids", "anchors", {"slots": ["shoes"], "k": 2}),
        ("fill", "item_ids", "items", {"slot": "tote", "k": 2}),
        ("improve", "item_ids", "items", {"k": 2}),
        ("explain", "item_ids", "items", {"swap": False}),
        ("similar", "item_id", "item", {"k": 2}),
    ):
        value = "i0" if new == "item_id" else ["i0", "i60"]
        answer = client.post(f"/v1/{path}", json={new: value} | more)
        assert answer.status_code == 200, answer.text
        assert client.post(f"/v1/{path}", json={old: value} | more).json() == answer.json()
        both = client.post(f"/v1/{path}", json={old: value, new: value} | more)
        refused(both, 400, "two_names", f"give {new} alone, for {old} is deprecated")
        refused(client.post(f"/v1/{path}", json=more), 422, "bad_request", new)
    saved = client.post("/v1/looks", json={"name": "Earlier", "item_ids": ["i0", "i60"]}).json()
    pages = [client.get("/v1/looks", params={name: "i60"}).json() for name in ("item_id", "item")]
    client.delete(f"/v1/looks/{saved['look_id']}")
    assert pages[0] == pages[1]
    assert saved["look_id"] in [look["look_id"] for look in pages[0]["looks"]]
    pages = [client.get("/storefront/v1/looks", params={name: ["i0", "i60"]}).json() for name in ("item_id", "item")]
    assert pages[0] == pages[1]
    assert len(pages[0]["answers"]) == 2
    refused(client.get("/storefront/v1/looks"), 422, "bad_request", "item_id is given 0 times")
    for path in ("/v1/looks", "/storefront/v1/looks"):
        both = client.get(path, params={"item": "i0", "item_id": "i0"})
        refused(both, 400, "two_names", "query: item_id and item are one thing; give item_id alone")
    body = {"keep": ["i0"], "locked": ["i0"]}
    refused(client.post("/v1/reviews/a/looks/b/again", json=body), 400, "two_names", "give locked alone")
    event = {"id": "e1", "event_id": "e1", "kind": "click", "session": "s", "item_id": "i0", "look_id": "l"}
    answer = client.post("/storefront/v1/events", json={"events": [event]})
    refused(answer, 400, "two_names", "events.0", "give event_id alone")
    index = client.get("/v1/index").json()
    assert (index["items"], index["guests"]) == (index["item_count"], index["guest_count"])


def test_names_that_nothing_reads_are_refused_with_the_nearest_one(client: TestClient) -> None:
    for address, words in (
        ("/v1/items?limt=5", "query: there is no 'limt'; did you mean 'limit'?"),
        ("/v1/items?color=red", "did you mean 'colour'?"),
        ("/v1/items?max-Price=5", "did you mean 'price_max'?"),
        ("/v1/items?zzz=5", "there are: category, group, brand"),
        ("/v1/items?limit=5&limit=6", "query: limit is given 2 times; give it once"),
        ("/v1/items/i0?fields=title", "there is no 'fields'; nothing can be given here, so leave it out"),
        ("/v1/items/i0/image?sise=96", "did you mean 'size'?"),
        ("/v1/looks?items=i0", "there is no 'items'; did you mean 'item_id'?"),
        ("/v1/index?utm_source=mail", "'utm_source'"),
        ("/storefront/v1/looks?item_ids=i0", "did you mean 'item_id'?"),
        ("/storefront/v1/looks/i0?limits=2", "did you mean 'limit'?"),
        (f"/v1/items?{'x' * 5000}=1", f"there is no '{'x' * 60}';"),
    ):
        refused(client.get(address), 422, "bad_request", words)
    assert client.get("/v1/items?colour=red&colour=black&limit=2").status_code == 200
    for path, body, words in (
        ("/v1/complete?k=3", {"item_ids": ["i0"]}, "query: there is no 'k'; nothing can be given here"),
        ("/v1/complete", {"item_ids": ["i0"], "slot": "shoes"}, "body: there is no 'slot'; did you mean 'slots'?"),
        ("/v1/fill", {"item_ids": ["i0"], "slot": "shoes", "filters": {"colour": ["red"]}},
         "body.filters: there is no 'colour'; did you mean 'colours'?"),
        ("/v1/score", {"outfits": [["i0", "i60"]], "zzz": 1}, "body: there is no 'zzz'; there are: outfits"),
    ):  # fmt: skip
        refused(client.post(path, json=body), 422, "bad_request", words)
    photo = {"picture": ("x", png(), "image/png")}
    answer = client.post("/v1/items", files=photo, data={"category": "shirt", "titel": "Mine"})
    refused(answer, 422, "bad_request", "body: there is no 'titel'; did you mean 'title'?")
    for page in (
        "/catalogue?utm_source=mail",
        "/board?on=i0&utm_campaign=x",
        "/storefront/v1/looks.js?v=7",
        "/health?x=1",
    ):
        assert client.get(page).status_code == 200, page
    described = client.get("/openapi.json").json()["paths"]["/v1/items"]["get"]["responses"]
    assert "the nearest is named" in described["422"]["description"]
    assert "two_names" in described["400"]["description"]


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
