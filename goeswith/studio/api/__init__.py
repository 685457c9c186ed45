"""API: what programs ask of the service, under ``/v1``."""
