"""The bill of materials of this environment: which packages, in which versions, were there when a model was logged.

Its form is CycloneDX 1.6 as JSON (https://cyclonedx.org/docs/1.6/json/), which auditors' tools read. The same packages
and the same model give the same bytes: no time and no random number is in it.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from typing import Any
from urllib.parse import quote

_LICENCE = "License :: "


def bill_of_materials(model: str, model_sha256: str) -> dict[str, Any]:
    """What the environment of a model consists of.

    Args:
        model: what the model is called.
        model_sha256: of its .keras file.

    Returns:
        A CycloneDX document: Python and all installed packages, by name, each with version, package URL, and licence as
        far as the package names one.
    """
    subject = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": model,
        "hashes": [{"alg": "SHA-256", "content": model_sha256}],
    }
    python = {
        "type": "platform",
        "bom-ref": "python",
        "name": platform.python_implementation(),
        "version": platform.python_version(),
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": [python, *_packages(distributions())],
    }


def _packages(found: Iterable[Distribution]) -> list[dict[str, Any]]:
    """A component a package. Of several in one environment, the first is the one that Python imports."""
    packages: dict[str, dict[str, Any]] = {}
    for distribution in found:
        metadata = distribution.metadata
        # An installation that was interrupted leaves a folder without them.
        if not metadata or "Name" not in metadata or "Version" not in metadata:
            continue
        name = re.sub(r"[-_.]+", "-", metadata["Name"]).lower()
        url = f"pkg:pypi/{name}@{quote(metadata['Version'], safe='')}"
        package: dict[str, Any] = {"type": "library", "bom-ref": url, "name": name}
        package |= {"version": metadata["Version"], "purl": url}
        if "License-Expression" in metadata:
            package["licenses"] = [{"expression": metadata["License-Expression"]}]
        elif names := _classified(metadata.get_all("Classifier") or ()):
            package["licenses"] = [{"license": {"name": name}} for name in names]
        packages.setdefault(name, package)
    return [packages[name] for name in sorted(packages)]


def _classified(classifiers: Iterable[str]) -> list[str]:
    """The licences that a package names among its classifiers, in alphabetical order."""
    named = {line.rpartition(" :: ")[2] for line in classifiers if line.startswith(_LICENCE)}
    return sorted(named - {"OSI Approved"})
