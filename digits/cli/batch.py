"""`digits batch`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits.cli.app import AddressOption, ModelOption, WorkersOption, champion, open_registry

if TYPE_CHECKING:
    from digits.batch.predict import Done, Shard


def batch(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="Folder of pictures or of Parquet files, or an IDX, .npy, .parquet file."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the predictions, as Parquet.")],
    model: ModelOption = "",
    workers: WorkersOption = 0,
    address: AddressOption = "",
) -> None:
    """Read the digits of a whole data set, in shards. The same command goes on where an earlier one ended.

    Writes OUT/part-00000.parquet, … with class, probability, sure, model version and hash, and OUT/manifest.json.

    Example: `digits batch data/raw/t10k-images-idx3-ubyte predictions`
    """
    from digits.batch.batch import predict_source
    from digits.batch.source import open_source
    from digits.registry.resolve import resolve
    from digits.registry.signature import vouched

    opened = open_source(source)
    found = vouched(resolve(model or champion(), open_registry))
    outcome = predict_source(opened, out, found, workers, address, _progress)
    earlier = f", {outcome.resumed} of them made before" if outcome.resumed else ""
    sure = f", {outcome.sure / outcome.rows:.1%} sure" if outcome.rows else ""
    typer.echo(
        f"{found.title} read {outcome.items:,} {'pictures' if opened.kind == 'pictures' else 'images'}: "
        f"{outcome.rows:,} digits{sure}; {out} has {outcome.shards} files{earlier}"
    )
    if outcome.unread:
        typer.echo(f"digits: {outcome.unread:,} pictures could not be read: column `note` says why", err=True)
        raise typer.Exit(1)


def _progress(done: Iterator[Done], shards: list[Shard]) -> Iterator[Done]:
    """Show how many items are done, on a terminal alone."""
    from tqdm import tqdm

    total = shards[-1].stop if shards else 0
    with tqdm(total=total, unit=" items", unit_scale=True, disable=None, leave=False) as bar:
        for one in done:
            bar.update(one.stop - one.start)
            yield one
