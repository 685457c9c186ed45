"""Service: what API and pages share: the open index, limits, workers, pictures and refusals."""
