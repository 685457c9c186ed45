"""Readers: one per published layout."""
