"""dvc.yaml names every module that a stage imports: DVC does not follow imports."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"] if (ROOT / "dvc.yaml").is_file() else {}


def imported_files(file: Path) -> set[str]:
    """Our own modules that a file imports, at any depth of nesting and through others."""
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
            if name.startswith("digits.") and (ROOT / path).is_file() and path.as_posix() not in found:
                found.add(path.as_posix())
                queue.append(ROOT / path)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_modules_that_the_stage_imports(stage):
    deps = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    assert deps == imported_files(ROOT / "stages" / f"{stage}.py") | {f"stages/{stage}.py"}


def test_every_stage_file_is_in_the_pipeline():
    files = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert files == set(STAGES)


def test_commands_need_no_path():
    # Temporary experiments have only what git tracks: a command with .venv in it would fail there.
    assert all(stage["cmd"] == f"python -m stages.{name}" for name, stage in STAGES.items())
