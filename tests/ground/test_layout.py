"""The tests lie as the code lies, modules and functions stay small, and the map names every room."""

import ast
import re
from pathlib import Path

from support.project import ROOT

import digits

PACKAGE, TESTS = ROOT / "digits", ROOT / "tests"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
LONGEST_MODULE, LONGEST_FUNCTION = 350, 45
# It mirrors params.yaml key by key, and each key has its docstring.
MAY_BE_LONGER = {PACKAGE / "params" / "schema.py"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def home_of_tests(module: Path) -> Path:
    """Where the tests of a module belong. Those of `__main__.py` are in test_main.py."""
    folder = module.parent.relative_to(PACKAGE)
    place = TESTS / "ground" if folder == Path() else TESTS / folder
    return place / f"test_{module.stem.strip('_')}.py"


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a file, at any depth of nesting."""
    return [node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    described = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
    return function.end_lineno - function.lineno + 1 - described


def imported(path: Path) -> set[str]:
    """The modules that a file imports and their names, `a` and `a.b`, at any depth of nesting."""
    names = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def map_of_the_package() -> dict[str, str]:
    """The table in the docstring of `digits`: room → what is in it."""
    return dict(re.findall(r"^(\w+)  +(\S.*)$", digits.__doc__, flags=re.MULTILINE))


def test_every_module_has_its_test_file():
    missing = [name(home_of_tests(module)) for module in MODULES if not home_of_tests(module).is_file()]
    assert missing == []
    for module in MODULES:
        tests = [function for function in functions(home_of_tests(module)) if function.name.startswith("test_")]
        assert tests, f"{name(home_of_tests(module))} tests nothing"


def test_an_init_file_has_nothing_to_test():
    for path in PACKAGE.rglob("__init__.py"):
        for node in parsed(path).body:
            is_list = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            assert is_list or isinstance(node, ast.Expr | ast.ImportFrom), f"{name(path)}: {ast.unparse(node)}"


def test_no_test_file_imports_another():
    """What two of them need is in tests/support."""
    found = [
        f"{name(path)} imports {module}"
        for path in TESTS.rglob("*.py")
        for module in imported(path)
        if module.partition(".")[0] == "tests" or re.search(r"(^|\.)(test_|conftest\b)", module)
    ]
    assert found == []


def test_no_module_is_long():
    long = {path for path in MODULES if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_MODULE}
    assert set(map(name, long)) == set(map(name, MAY_BE_LONGER))


def test_no_function_is_long():
    long = [
        f"{name(path)}:{function.lineno} {function.name} has {length(function)} lines"
        for path in MODULES
        for function in functions(path)
        if length(function) > LONGEST_FUNCTION
    ]
    assert long == []


def test_the_map_names_every_room_and_no_other():
    rooms = {path.parent.relative_to(PACKAGE).parts[0] for path in MODULES if path.parent != PACKAGE}
    assert set(map_of_the_package()) - {"ground"} == rooms


def test_the_map_names_every_module_of_the_ground_and_no_other():
    ground = map_of_the_package()["ground"].partition(":")[0]
    assert set(ground.split(" · ")) == {path.stem for path in MODULES if path.parent == PACKAGE}
