"""Which untracked files can decide what a stage does: those that its imports reach. Others are nobody's concern."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.machinery import all_suffixes
from pathlib import Path

from digits import git, paths

# A stage finds these by their folder. `python -m stages` puts the project's folder first on the import path.
_PACKAGES = ("digits", "stages")
_PIPELINE = (Path("dvc.yaml"), paths.PARAMS, Path("requirements.lock"))


def untracked_sources() -> list[str]:
    """Files that git does not track and a stage reads, or imports by their name, as paths from the current folder.

    That is every module within digits/ and stages/, any file in there whose name the code has in it, and the pipeline's
    own files. A module elsewhere on the import path counts if the project's own code names it in an import, or if it
    has the name of a module that this process has loaded: it is found first. Files that git ignores count as well.
    """
    tracked = set(git.names(git.git_bytes("ls-files", "-z")))
    files = [file for package in _PACKAGES for file in _modules(Path(package))]
    found = set(files) | _read(files, tracked) | {path for path in _PIPELINE if path.is_file()}
    places = [place for folder in _import_path() for place in _beside(folder)]
    names = {name.partition(".")[0] for name in sys.modules} | _imported(files)
    while reached := [path for path in places if _name(path) in names]:
        places = [path for path in places if path not in reached]
        files = [file for path in reached for file in _modules(path)]
        found.update(files)
        names |= _imported(files)
    return sorted({file.as_posix() for file in found} - tracked)


def _read(code: list[Path], tracked: set[str]) -> set[Path]:
    """Untracked files within the packages that are no modules, and whose names are in the code."""
    others = {
        path
        for package in _PACKAGES
        for path in Path(package).rglob("*")
        if path.is_file() and path.as_posix() not in tracked and "__pycache__" not in path.parts
    }
    others.difference_update(code)
    # Usually there is none, and nothing to read.
    text = "".join(file.read_text(encoding="utf-8", errors="replace") for file in code) if others else ""
    return {path for path in others if path.name in text}


def _import_path() -> list[Path]:
    """The current folder, and folders within it that the import path names; not those of the environment."""
    here = Path.cwd()
    named = (Path(entry) for entry in sys.path if entry)
    within = [path.relative_to(here) for path in named if path.is_relative_to(here)]
    return list(dict.fromkeys([Path(), *(p for p in within if not (here / p).is_relative_to(sys.prefix))]))


def _beside(folder: Path) -> Iterator[Path]:
    """The modules in a folder of the import path."""
    for path in folder.iterdir():
        if not _name(path).isidentifier() or _name(path) in _PACKAGES:
            continue
        # A folder without __init__.py is found last of all: it hides no module that this process has loaded.
        if path.is_file() or (path / "__init__.py").is_file() or _name(path) not in sys.modules:
            yield path


def _name(path: Path) -> str:
    """What an import calls a file or folder."""
    return path.name.partition(".")[0]


def _modules(path: Path) -> list[Path]:
    """The files that Python imports of a module or package."""
    files = path.rglob("*") if path.is_dir() else [path]
    return [f for f in files if f.name.endswith(tuple(all_suffixes())) and "__pycache__" not in f.parts and f.is_file()]


def _imported(files: list[Path]) -> set[str]:
    """The first words of the modules that files import by name."""
    names: set[str] = set()
    for file in files:
        try:
            tree = ast.parse(file.read_bytes()) if file.suffix == ".py" else ast.Module([], [])
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names
