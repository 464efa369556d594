"""The files of models on this disk: one folder a model in .digits/models, called by the hash of its .keras file."""

from __future__ import annotations

from pathlib import Path

from digits import paths
from digits.files import sha256_file


def kept_file(sha256: str) -> Path:
    """Where the .keras file of a model is kept, with its twin beside it."""
    return paths.state() / "models" / sha256 / paths.MODEL.name


def not_kept(sha256: str, twin_sha256: str | None) -> dict[Path, str]:
    """The files of a model that are missing or have other bytes, each with the SHA-256 that it must have.

    Args:
        sha256: of the .keras file.
        twin_sha256: of the twin; None for a model of an earlier version of this project, which has none.
    """
    file = kept_file(sha256)
    wanted = {file: sha256} | ({file.with_name(paths.TWIN.name): twin_sha256} if twin_sha256 else {})
    return {path: hash for path, hash in wanted.items() if not (path.is_file() and sha256_file(path) == hash)}
