"""Pages: the studio that people open in a browser, as plain HTML from templates."""
