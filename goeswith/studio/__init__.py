"""Studio: an index behind HTTP, for programs (``/v1``) and for people (the pages)."""
