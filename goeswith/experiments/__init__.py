"""Experiments: recipes of many models, trained, compared and reported; and the demo."""
