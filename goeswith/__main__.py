"""``python -m goeswith`` is ``goeswith``."""

from goeswith.cli import main

main()
