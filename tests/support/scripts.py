"""The scripts of docs/, which are in no package."""

import importlib.util
from types import ModuleType

from support.project import ROOT


def docs_script(name: str) -> ModuleType:
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
