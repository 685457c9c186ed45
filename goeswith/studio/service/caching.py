"""Caching: ETags, and whether a client already has the current answer."""

from __future__ import annotations


def matches(etag: str, if_none_match: str) -> bool:
    """Whether the header ``If-None-Match`` names an ETag, or any by a star."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
