"""Trust: kills, damaged inputs, odd requests and a soak, counted; see `benchmarks/trust/__main__.py`."""
