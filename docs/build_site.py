"""Build the site: `python docs/build_site.py`, or `make site`, writes site/.

The pages are those of docs/, the README as home page, and the notebooks with their outputs. A file of the project to
which a page links becomes a page that shows it, so that the site needs neither a repository nor a network.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from digits import paths
from digits.files import atomic_path, write_bytes, write_text

if TYPE_CHECKING:
    import nbformat

ROOT = Path(__file__).parents[1]
# Where zensical.toml takes the pages from.
PAGES = Path(".digits/site")
_SITE = "site"
# A browser starts no worker of a page from the disk, so the search needs this one; Zensical takes it from elsewhere.
_WORKER, _ELSEWHERE = "assets/iframe-worker.js", "https://unpkg.com/iframe-worker/shim"
_HOME = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
# [text](target), where the target is neither an address nor an anchor of the same page.
_LINK = re.compile(r"(\]\()(?!\w+:|#)([^)\s]+)(\))")
_CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
# Only GitHub draws these, a browser would load a program from elsewhere. The table below one says the same.
_MERMAID = re.compile(r"^```mermaid\n.*?^```\n", re.DOTALL | re.MULTILINE)
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml", ".sh": "bash"}


def lay_out(root: Path = ROOT) -> None:
    """Write the pages that the site is built from into `PAGES`.

    Args:
        root: the project. Its notebooks are executed if data/raw is there, and again only after a change of the
            notebook, the parameters or the data.
    """
    docs = root / "docs"
    todo = [root / name for name in _HOME] + [
        *docs.rglob("*.md"),
        *docs.glob("images/*"),
        *root.glob("notebooks/*.ipynb"),
    ]
    done: set[Path] = set()
    with atomic_path(root / PAGES) as folder:
        while todo:
            file = todo.pop()
            if file in done:
                continue
            done.add(file)
            place = Path(_place(file, root))
            if file.suffix == ".ipynb":
                todo += _write_notebook(file, root, folder, place)
            elif file.suffix == ".md":
                text, targets = _moved(_MERMAID.sub("", file.read_text(encoding="utf-8")), file, root)
                write_text(folder / place, text)
                todo += targets
            elif file.suffix in (".png", ".svg"):
                write_bytes(folder / place, file.read_bytes())
            else:
                write_text(folder / place, _shown(file, root))


def _place(file: Path, root: Path) -> str:
    """Where the site has a file of the project."""
    name = file.relative_to(root).as_posix()
    if name in _HOME:
        return _HOME[name]
    if file.suffix == ".ipynb":
        return f"notebooks/{file.stem}.md"
    if root / "docs" in file.parents and file.suffix in (".md", ".png", ".svg"):
        return file.relative_to(root / "docs").as_posix()
    return f"source/{name}" + ("" if file.suffix == ".md" else ".md")


def _moved(markdown: str, file: Path, root: Path) -> tuple[str, list[Path]]:
    """The text of a page with links that lead to where the site has their targets, and these targets."""
    targets: list[Path] = []

    def moved(link: re.Match[str]) -> str:
        path, sign, anchor = link[2].partition("#")
        # Backslashes are Markdown's.
        target = Path(os.path.normpath(file.parent / path.replace("\\", "")))
        if not target.exists() or root not in target.parents:
            raise SystemExit(f"{file.relative_to(root)}: there is no {link[2]}")
        targets.append(target)
        there = os.path.relpath(_place(target, root), Path(_place(file, root)).parent)
        return f"{link[1]}{there}{sign}{anchor}{link[3]}"

    parts = _CODE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(moved, part) for part in parts), targets


def _shown(file: Path, root: Path) -> str:
    """A page that shows a file of the project, or the names in a folder."""
    title = file.relative_to(root).as_posix().replace("_", "\\_")
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {title}\n\n"
    if file.is_dir():
        return head + "".join(f"- `{path.name}`\n" for path in sorted(file.iterdir()) if not path.name.startswith("."))
    return f"{head}````{_LANGUAGES.get(file.suffix, 'text')}\n{file.read_text(encoding='utf-8')}\n````\n"


def _write_notebook(notebook: Path, root: Path, folder: Path, place: Path) -> list[Path]:
    """Write the page of a notebook and its pictures; returns what it links to."""
    from nbconvert import MarkdownExporter

    cells, targets = _executed(notebook, root), []
    for cell in cells.cells:
        if cell.cell_type == "markdown":
            cell.source, more = _moved(cell.source, notebook, root)
            targets += more
    body, resources = MarkdownExporter().from_notebook_node(cells)
    for name, picture in resources["outputs"].items():
        body = body.replace(f"]({name})", f"]({notebook.stem}/{name})")
        write_bytes(folder / place.parent / notebook.stem / name, picture)
    write_text(folder / place, body)
    return targets


def _executed(notebook: Path, root: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, from an earlier time where nothing has changed."""
    import nbformat
    from nbclient import NotebookClient
    from traitlets.config import Config

    decides = [notebook, root / paths.PARAMS, root / "dvc.lock"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in decides if file.is_file())).hexdigest()
    kept = root / ".digits" / "notebooks" / f"{notebook.stem}-{digest[:16]}.ipynb"
    if kept.is_file():
        return nbformat.read(kept, as_version=4)
    cells = nbformat.read(notebook, as_version=4)
    if not (root / paths.RAW).is_dir():
        return cells
    print(f"site: executing {notebook.relative_to(root)}, which trains a model", flush=True)
    # A kernel that is reached through files: no port.
    settings = Config({"KernelManager": {"transport": "ipc"}})
    NotebookClient(
        cells, timeout=None, coalesce_streams=True, config=settings, resources={"metadata": {"path": str(root)}}
    ).execute()
    write_text(kept, json.dumps(cells))
    return cells


def build(root: Path = ROOT) -> None:
    """Build the site, strictly: a link that leads nowhere is an error.

    Args:
        root: the project.
    """
    lay_out(root)
    subprocess.run(["zensical", "build", "--strict", "--clean"], cwd=root, check=True)
    site = root / _SITE
    write_bytes(site / _WORKER, (root / "docs" / _WORKER).read_bytes())
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        write_text(page, text.replace(_ELSEWHERE, os.path.relpath(site / _WORKER, page.parent)))


if __name__ == "__main__":
    try:
        build()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
