"""``python -m goeswith`` is ``goeswith``."""

from goeswith.cli.main import main

main()
