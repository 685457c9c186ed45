"""Schemas: the required fields of the JSON files of data sets, runs and indices; other fields are allowed.

Numbers that a program counts up to have bounds, so that a file from anywhere is refused and not waited for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from goeswith.errors import DataError, GoeswithError

MOST = 1 << 40
"""Of items and outfits."""

Count = Annotated[int, Field(ge=0, le=MOST)]
Worn = Annotated[int, Field(ge=0, le=99)]
"""How many items of a group an outfit holds."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
Pair = Annotated[list[Finite], Field(min_length=2, max_length=2)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Group = Literal["top", "bottom", "dress", "outer", "shoes", "bag", "accessory"]
Two = Annotated[list[Group], Field(min_length=2, max_length=2)]


class DatasetFile(TypedDict):
    """dataset.json; folders of an earlier version may lack some of it."""

    name: NotRequired[str]
    layout: NotRequired[str]
    source: NotRequired[str]
    licence: NotRequired[str]
    seed: NotRequired[Annotated[int, Field(ge=0, lt=1 << 63)]]
    items: NotRequired[Count]
    pictures: NotRequired[Count]
    outfits: NotRequired[Count]
    split_report: NotRequired[dict[str, Any]]
    notes: NotRequired[list[str]]
    columns: NotRequired[dict[str, str]]
    groups: NotRequired[dict[str, str]]
    checksums: NotRequired[dict[str, str]]


class Named(TypedDict):
    """The data set that a run was trained on."""

    name: str
    source: str
    fingerprint: str


class Result(TypedDict):
    """The result of a training or of a mixture; of a model that is made and not trained, only how long it took."""

    best_epoch: NotRequired[Count]
    valid_auc: NotRequired[float]
    epochs: NotRequired[Count]
    history: NotRequired[list[dict[str, Any]]]
    likeness_auc: NotRequired[float]
    error: NotRequired[float]
    strength: NotRequired[float]
    by_group: NotRequired[bool]
    sources: NotRequired[dict[str, Any]]
    outfits: NotRequired[Count]
    seconds: float


class TaughtRule(TypedDict):
    """A rule that taught a run."""

    attribute: str
    top: str
    bottom: str
    sign: Literal["+", "-"]
    note: NotRequired[str]


class Taught(TypedDict):
    """The rules that taught a run, and the settings of their teacher."""

    rules: list[TaughtRule]
    confidence: NotRequired[str]
    shuffled_rules: NotRequired[bool]


class ComputedOn(TypedDict):
    """On what a run was trained."""

    device: str
    precision: str


class RunFile(TypedDict):
    """config.json."""

    model: str
    settings: dict[str, Any]
    train: NotRequired[dict[str, Any]]
    encoder: str
    dim: Annotated[int, Field(ge=1, le=1 << 24)]
    dataset: NotRequired[Named]
    computed_on: NotRequired[ComputedOn]
    knowledge: NotRequired[dict[str, Any] | None]
    rules: NotRequired[Taught | None]
    categories: list[str]
    groups: list[str]
    result: NotRequired[Result]


class IndexedModel(TypedDict):
    """The model of an index."""

    name: str
    title: str
    weights: str
    encoder: str


class IndexedDataset(TypedDict):
    """The data set of an index."""

    name: str
    path: str
    beside: str
    items: str


class VectorTable(TypedDict):
    """The table of vectors of an index, see `goeswith.shop.approximate`."""

    uri: str
    version: Count
    compacted: Count
    categories: list[str]


class IndexFile(TypedDict):
    """index.json."""

    model: IndexedModel
    build: str
    dataset: IndexedDataset
    items: Count
    without_features: NotRequired[Count]
    products: NotRequired[Count]
    matched: NotRequired[dict[str, str]]
    unmatched: NotRequired[list[str]]
    vectors: NotRequired[VectorTable]
    checksums: dict[str, str]


class GrammarFile(TypedDict):
    """grammar.json."""

    most: dict[Group, Worn]
    needs: list[Annotated[list[Group], Field(min_length=1)]]
    apart: list[Two]
    whole: dict[Literal["separates", "dress"], dict[Group, Worn]]
    dresses: Annotated[dict[str, Share], Field(min_length=1)]
    pairs: list[str]
    outfits: Count


class ScaleFile(TypedDict):
    """scale.json."""

    means: Annotated[list[Finite], Field(min_length=1)]
    spreads: Annotated[list[Positive], Field(min_length=1)]
    slope: Finite
    intercept: Finite
    quantiles: Annotated[list[Finite], Field(min_length=1)]
    outfits: Count
    negatives: str
    auc: NotRequired[Share]


class TasteFile(TypedDict):
    """What taste.safetensors says beside its tensors."""

    alpha: Share
    beta: Finite
    order_alpha: NotRequired[Share]
    order_beta: NotRequired[Finite]
    gamma: NotRequired[Finite]
    sizes: Pair
    temperatures: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    recall: Pair
    distinct: Annotated[list[Count], Field(min_length=2, max_length=2)]


class BuildFile(TypedDict):
    """build.json."""

    source: str
    layout: str
    options: dict[str, Any]
    seed: int


INDEX_AGAIN = "run goeswith build again, or goeswith index"
"""What to do where a file of an index is broken."""

T = TypeVar("T", bound=Mapping[str, Any])


@lru_cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def parse(text: str | bytes, schema: type[T], where: object, remedy: str) -> dict[str, Any]:
    """The object in JSON text, if it is as a schema says.

    Raises:
        DataError: it is not.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as fault:  # bytes that are no UTF-8 are a ValueError too
        raise DataError(f"{where} is not valid JSON ({fault}); {remedy}") from None
    check(value, schema, where, remedy)
    checked: dict[str, Any] = value
    return checked


def check(value: Any, schema: type[T], where: object, remedy: str, error: type[GoeswithError] = DataError) -> T:
    """The value itself, if it is as a schema says.

    Raises:
        error: it is not; the message names the first field that is wrong.
    """
    try:
        _adapter(schema).validate_python(value, strict=True)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        message = first["msg"][:1].lower() + first["msg"][1:]
        if first["type"] == "missing":
            raise error(f"{where} lacks {field!r}; {remedy}") from None
        raise error(f"{where} is broken at {field!r} ({message}); {remedy}") from None
    checked: T = value
    return checked
