"""What is added in one place is there wherever people meet it."""

import inspect
from dataclasses import fields
from urllib.parse import urlsplit

from starlette.datastructures import QueryParams

from goeswith.cli import shop
from goeswith.data.catalogue import COLUMNS
from goeswith.data.filters import COLUMN_OF, Filters
from goeswith.studio.api.schemas import FiltersRequest, ItemsQuery
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.brief import FILTER_OF, Brief
from goeswith.studio.pages.catalogue_search import CatalogueQuery
from goeswith.studio.service.catalogue_view import FACETS
from goeswith.train.source import SOURCES, source_class


def test_a_filter_is_a_field_of_filters_and_nothing_else():
    names, columns = {each.name for each in fields(Filters)}, set(COLUMN_OF.values())
    rest = names - set(COLUMN_OF)
    assert set(FiltersRequest.model_fields) == names
    assert set(ItemsQuery.model_fields) == columns | rest - {"exclude"} | {"q", "offset", "limit"}
    for command in (shop.complete, shop.looks, shop.fill, shop.improve, shop.similar):
        assert columns | rest <= set(inspect.signature(command).parameters), command
    assert set(FACETS) == columns <= set(COLUMNS)
    wanted = CatalogueQuery.of(QueryParams(dict.fromkeys(columns, "some")))
    assert wanted.filters() == Filters(**dict.fromkeys(COLUMN_OF, ("some",)))
    assert wanted == CatalogueQuery.of(QueryParams(urlsplit(wanted.url(Board())).query))
    brief = Brief.of({f"want_{column}": "some" for column in columns})
    assert dict(brief.values).keys() == set(FILTER_OF) == columns - {"category", "group"}
    assert brief.filters() == Filters(**dict.fromkeys(FILTER_OF.values(), ("some",)))


def test_a_source_of_knowledge_says_all_that_training_asks_of_it():
    for name in SOURCES:
        source = source_class(name)
        assert source.flag.startswith("--"), name
        assert source.key, name
        assert isinstance(source.files, tuple), name
