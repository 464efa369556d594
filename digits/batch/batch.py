"""The predictions of a model for a whole source, in shards: resumable, and the same files by any number of workers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from digits import paths
from digits.batch.predict import BATCH, BatchModel, Done, Shard, process
from digits.batch.source import Source
from digits.errors import DigitsError
from digits.files import atomic_path, read_json, write_json
from digits.workers.pool import run_all

if TYPE_CHECKING:
    from digits.registry.model import Model

MANIFEST = "manifest.json"
_MODEL = "model"


class Outcome(NamedTuple):
    """What became of a source.

    Attributes:
        items: how many images or pictures were read.
        rows: digits in them.
        sure: digits that the model is sure of.
        unread: pictures that could not be read.
        resumed: shards that an earlier call had made.
        shards: all of them.
    """

    items: int
    rows: int
    sure: int
    unread: int
    resumed: int
    shards: int


def predict_source(
    source: Source,
    out: Path,
    model: Model,
    workers: int,
    address: str = "",
    progress: Callable[[Iterator[Done], list[Shard]], Iterator[Done]] = lambda done, shards: done,
) -> Outcome:
    """Write the predictions of all shards, then `manifest.json`, which counts them and has their SHA-256.

    Shards that are there already, of the same images, are not made again.

    Args:
        source: the images.
        out: a folder. On a cluster all nodes see it, and the source, under the same path.
        model: what predicts.
        workers: processes of this machine.
        address: of a Ray cluster, whose nodes take their place.
        progress: shows the shards as they are done.

    Raises:
        DigitsError: the folder holds something else, or predictions of another source or model; an image is not as it
            must be; or as `digits.workers.pool.run_all`.
    """
    description = _describe(source, model)
    _refuse_other(out, description)
    write_json(out / MANIFEST, {**description, "complete": False})
    shards = list(_shards(source, out.absolute(), _lay_out(model, out.absolute())))
    done = sorted(progress(run_all(process, shards, workers, address), shards), key=lambda one: one.start)
    facts = [{key: value for key, value in one._asdict().items() if key != "was_there"} for one in done]
    totals = {key: sum(getattr(one, key) for one in done) for key in ("rows", "sure", "unread")}
    write_json(out / MANIFEST, {**description, "complete": True, **totals, "shards": facts})
    return Outcome(len(source), **totals, resumed=sum(one.was_there for one in done), shards=len(done))


def _shards(source: Source, out: Path, model: BatchModel) -> Iterator[Shard]:
    source = replace(source, path=source.path.absolute())
    starts = range(0, len(source), source.per_shard)
    width = max(5, len(str(len(starts))))
    for number, start in enumerate(starts):
        stop = min(start + source.per_shard, len(source))
        yield Shard(source, start, stop, model, out / f"part-{number:0{width}}.parquet")


def _lay_out(model: Model, out: Path) -> BatchModel:
    """Copy a model's files to where all workers see them, and where they stay beside what they made."""
    from digits.model.classifier import load_classifier

    file, prototypes, laid = model.file(), model.results.prototypes_file, out / _MODEL
    if not laid.is_dir():
        with atomic_path(laid) as folder:
            folder.mkdir()
            for copied in (file, file.with_name(paths.TWIN.name), prototypes):
                if copied and copied.is_file():
                    shutil.copyfile(copied, folder / copied.name)
    classes = load_classifier(laid / file.name).classes
    return BatchModel(
        file=laid / file.name,
        sha256=model.sha256,
        version=model.title,
        class_names=tuple(model.results.names_of(classes)),
        not_sure_below=model.results.not_sure_below,
        prototypes_file=laid / prototypes.name if prototypes else None,
    )


def _describe(source: Source, model: Model) -> dict[str, Any]:
    return {
        "source": source.path.name,
        "kind": source.kind,
        "items": len(source),
        "items_per_shard": source.per_shard,
        "images_per_batch": BATCH,
        "model": {"version": model.title, "sha256": model.sha256},
    }


def _refuse_other(out: Path, description: dict[str, Any]) -> None:
    """Refuse a folder with predictions of another source or model, or with anything else.

    Raises:
        DigitsError: it is one.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / MANIFEST).is_file():
        raise DigitsError(f"{out} is there and holds no predictions: name another folder")
    way_out = f"name another folder, or remove {out}"
    found = read_json(out / MANIFEST, way_out=way_out)
    for key, wanted in description.items():
        if found.get(key) != wanted:
            raise DigitsError(f"{out} holds predictions with another {key} ({found.get(key)}): {way_out}")
