"""What the site shows beside the pages of this folder: files of the project's root, and notebooks as pages."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
OF_THE_ROOT = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
SHOWN = ("text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/plain")
"""Forms of an output, the richest first."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from other files."""
    for page, source in OF_THE_ROOT.items():
        files.append(File.generated(config, page, content=_linked((ROOT / source).read_text())))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        page = notebook.src_uri.removesuffix(".ipynb") + ".md"
        files.append(File.generated(config, page, content=as_page(Path(notebook.abs_src_path or ""))))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to notebooks and to files of the root, which the site has as pages."""
    markdown = re.sub(r"\]\((notebooks/\w+)\.ipynb", r"](\1.md", markdown)
    for page, source in OF_THE_ROOT.items():
        markdown = markdown.replace(f"](../{source}", f"]({page}")
    return markdown


def _linked(text: str) -> str:
    """Links from the project's root, as they are from this folder."""
    return text.replace("](docs/", "](").replace("](CONTRIBUTING.md)", "](contributing.md)")


def as_page(path: Path) -> str:
    """A notebook as Markdown: its words, its code and what the code printed or drew."""
    notebook = nbformat.read(path, as_version=4)
    parts = [f"[Download this notebook]({path.name}){{ .download }}"]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        elif cell.cell_type == "code":
            language = "console" if cell.source.startswith("!") else "python"
            parts.append(f"```{language}\n{cell.source}\n```")
            parts += [part for output in cell.outputs if (part := _output(output))]
    title = parts.pop(1) if parts[1].startswith("# ") else ""
    return "\n\n".join([title, *parts]) + "\n"


def _output(output: Any) -> str:
    """One output of a cell as HTML; what was written to standard error is left out."""
    if output.output_type == "stream":
        return f'<pre class="output">{html.escape(output.text.strip())}</pre>' if output.name == "stdout" else ""
    data = output.get("data", {})
    kind = next((kind for kind in SHOWN if kind in data), None)
    if kind is None:
        return ""
    if kind.startswith("image/") and kind != "image/svg+xml":
        return f'<div class="output"><img alt="" src="data:{kind};base64,{data[kind].strip()}"></div>'
    if kind in ("text/html", "image/svg+xml"):
        drawn = re.sub(r"\n\s*\n", "\n", data[kind])  # an empty line would end the block of HTML for Markdown
        return f'<div class="output">{drawn}</div>'
    return data[kind] if kind == "text/markdown" else f'<pre class="output">{html.escape(data[kind])}</pre>'
