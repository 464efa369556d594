"""`digits validate`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from digits.cli.app import AddressOption, WorkersOption, project_params
from digits.errors import DigitsError


def validate(
    raw: Annotated[Path, typer.Argument(metavar="FOLDER", help="Of the four IDX files, such as data/raw.")],
    docs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write Great Expectations' Data Docs there: one index.")
    ] = None,
    workers: WorkersOption = 0,
    address: AddressOption = "",
) -> None:
    """Check raw data as stage validate does, in shards: for data that are too large for one process.

    The expectations are those of params.yaml. Exit code 1 if one fails.

    Example: `digits validate data/raw --docs data_docs`
    """
    from rich.console import Console

    from digits.files import atomic_path
    from digits.validation.data_docs import make_offline
    from digits.validation.shards import validate_raw
    from digits.validation.summary import failure_line, failure_table

    params = project_params()
    if docs is None:
        checks = validate_raw(raw, params.validate_, None, workers, address, _progress)
    else:
        with atomic_path(docs) as folder:
            checks = validate_raw(raw, params.validate_, folder, workers, address, _progress)
            make_offline(folder, checks)
    if line := failure_line(checks, params.preprocess.class_names):
        Console(stderr=True).print(failure_table(checks, params.preprocess.class_names))
        raise DigitsError(line)
    typer.echo(f"all {len(checks)} expectations hold")


def _progress(done: Iterator[int], total: int) -> Iterator[int]:
    """Show how many images are done, on a terminal alone. Each is walked through twice."""
    from tqdm import tqdm

    with tqdm(total=total, unit=" images", unit_scale=True, disable=None, leave=False) as bar:
        for count in done:
            bar.update(count)
            yield count
