"""dvc.yaml names everything of ours that decides the bytes of an out: DVC does not follow imports."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.project import ROOT

STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]

# What cannot change a byte of an out: the record in MLflow, errors and messages, where files lie and processes run,
# git and DVC themselves, and the schema, as the values of a stage's section are its `params`.
NO_DEPS = (
    "digits/dvc.py",
    "digits/dvc_files.py",
    "digits/errors.py",
    "digits/git.py",
    "digits/params",
    "digits/paths.py",
    "digits/program.py",
    "digits/registry",
    "digits/repair.py",
    "digits/results.py",
    "digits/tracking",
    "digits/workers",
)


def imported_files(file: Path) -> set[str]:
    """Our own modules that a file imports, at any depth of nesting and through others, but for those of `NO_DEPS`."""
    found: set[str] = set()
    queue = [file]
    while queue:
        tree = ast.parse(queue.pop().read_text())
        names = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            path = Path(*name.split(".")).with_suffix(".py")
            ours = name.startswith("digits.") and (ROOT / path).is_file()
            if ours and path.as_posix() not in found and not covered(path.as_posix(), NO_DEPS):
                found.add(path.as_posix())
                queue.append(ROOT / path)
    return found


def covered(path: str, deps: tuple[str, ...] | list[str]) -> bool:
    """Whether a dep is the file, or a folder that holds it."""
    return any(path == dep or path.startswith(f"{dep}/") for dep in deps)


@pytest.mark.parametrize("stage", STAGES)
def test_every_imported_module_is_a_dep(stage):
    deps = STAGES[stage]["deps"]
    missing = {path for path in imported_files(ROOT / "stages" / f"{stage}.py") if not covered(path, deps)}
    assert missing == set()


@pytest.mark.parametrize("stage", STAGES)
def test_every_dep_is_imported(stage):
    """A dep too many would run a stage again for nothing."""
    imported = imported_files(ROOT / "stages" / f"{stage}.py") | {f"stages/{stage}.py"}
    sources = [dep for dep in STAGES[stage]["deps"] if dep.startswith(("digits", "stages"))]
    # Stage params reads the schema through its frame. Stage register writes what the gates find.
    sources = [dep for dep in sources if dep not in ("digits/params", "digits/registry/gates.py", "digits/evaluation")]
    unused = [dep for dep in sources if not any(covered(path, [dep]) for path in imported)]
    assert unused == []


def test_what_decides_the_file_of_the_gates_is_a_dep():
    """Stage register imports all of the registry, and of that the gates alone decide the bytes of its out."""
    deps = STAGES["register"]["deps"]
    missing = {path for path in imported_files(ROOT / "digits" / "registry" / "gates.py") if not covered(path, deps)}
    assert missing == set()


def test_every_stage_file_is_in_the_pipeline():
    files = {path.stem for path in (ROOT / "stages").glob("[!_]*.py")}
    assert files == set(STAGES)


def test_commands_need_no_path():
    # Temporary experiments have only what git tracks: a command with .venv in it would fail there.
    assert all(stage["cmd"] == f"python -m stages {name}" for name, stage in STAGES.items())


@pytest.mark.parametrize("stage", STAGES)
def test_the_run_cache_works_for_every_stage(stage):
    """DVC switches it off where an out persists, or is in git and neither a metric nor a plot."""
    outs = STAGES[stage].get("outs", [])
    assert all(isinstance(out, str) for out in outs)
