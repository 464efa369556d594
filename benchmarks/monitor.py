"""How often `digits monitor` raises an alarm: on healthy images, and on images changed as in the table of robustness.

All images are validation images of the model in models/. None of those that are monitored is among those that they are
compared with. Run the pipeline first, then `python -m benchmarks monitor [--batches 200]`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.record import Cell, Session, parser
from digits import paths
from digits.data.dataset import Dataset
from digits.evaluation.intervals import wilson_interval
from digits.evaluation.perturbation import Perturbed, perturb
from digits.model.classifier import load_classifier
from digits.monitoring.drift import alarm_threshold, describe, pool_of, smallest_p
from digits.monitoring.live import validation_images
from digits.params import Params, load_params
from digits.pictures.read import threshold_of
from digits.registry.local import local_model

if TYPE_CHECKING:
    from digits.monitoring.drift import Columns

# Images of a batch.
SIZES = (10, 30, 100, 300, 1000, 3000)
# How much of a batch is changed.
SHARES = {"every image": 1.0, "one in ten": 0.1}
# As `digits monitor` has it where nothing else is asked for.
RATE = 0.01
_POWER = 0.9


@dataclass(frozen=True)
class Settings:
    """The threshold of each size of a batch, and how many batches are drawn of each."""

    thresholds: Mapping[int, float]
    batches: int


def main(arguments: Sequence[str]) -> None:
    """Measure and write the record."""
    options = parser("monitor", __doc__)
    options.add_argument("--images", type=int, default=6000, help="validation images that are changed")
    options.add_argument("--pictures", type=int, default=600, help="of them as pictures in which a digit is found")
    options.add_argument("--batches", type=int, default=200, help="of each size and change; healthy ones in each split")
    options.add_argument("--splits", type=int, default=15, help="of the validation images, for healthy batches")
    options.add_argument("--rounds", type=int, default=1000, help="healthy batches for a threshold")
    chosen = options.parse_args(arguments)
    session = Session("monitor", arguments, chosen)
    if chosen.quick:
        chosen.images, chosen.pictures, chosen.batches, chosen.splits, chosen.rounds = 400, 0, 20, 2, 100
    params = load_params()
    columns = validation_images(local_model(str(paths.MODEL)), params).columns
    healthy = false_alarms(columns, SIZES, chosen.splits, chosen.batches, chosen.rounds)
    rows = np.random.default_rng(0).permutation(len(columns["digit"]))
    changed, others = rows[: chosen.images], rows[chosen.images :]
    known = _take(columns, others)
    thresholds = {size: alarm_threshold(known, size, RATE, range(chosen.rounds)) for size in SIZES}
    settings = Settings(thresholds, chosen.batches)
    found = []
    for what, batch in _changes(changed, params, chosen.images, chosen.pictures):
        for title, share in SHARES.items():
            what[title] = found_from(known, _take(columns, changed), batch, share, settings)
        found.append(what)
    session.finish(healthy=healthy, changes=found)


def false_alarms(
    columns: Columns, sizes: Sequence[int], splits: int, batches: int, rounds: int
) -> list[dict[str, Cell]]:
    """Alarms on images that the threshold does not know.

    Args:
        columns: of validation images, from `describe`.
        sizes: of the batches.
        splits: how many times the images are divided into those that are known and those that are monitored.
        batches: of each size, in each split.
        rounds: healthy batches for a threshold.
    """
    rng = np.random.default_rng(1)
    pool, count = pool_of(columns), len(columns["digit"])
    alarms = dict.fromkeys(sizes, 0)
    for _ in range(splits):
        order = rng.permutation(count)
        known, others = order[: count // 2], order[count // 2 :]
        for size in sizes:
            threshold = alarm_threshold(_take(columns, known), size, RATE, range(rounds), int(rng.integers(2**31)))
            draws = (rng.choice(others, min(size, len(others)), replace=False) for _ in range(batches))
            p = smallest_p([pool.compare(_mask(known, count), _mask(draw, count)) for draw in draws])
            alarms[size] += int((p <= threshold).sum())
    total = splits * batches
    found: list[dict[str, Cell]] = []
    for size, raised in alarms.items():
        low, high = wilson_interval(raised, total)
        row: dict[str, Cell] = {"images": size, "batches": total, "alarms per 1,000": 1000 * raised / total}
        found.append(row | {"95 %": f"{1000 * low:.1f} to {1000 * high:.1f}"})
    return found


def found_from(known: Columns, healthy: Columns, changed: Columns, share: float, settings: Settings) -> str:
    """The smallest batch that raises an alarm with a power of 90 %.

    Args:
        known: of validation images.
        healthy: of others.
        changed: of changed ones.
        share: of a batch that is changed, in (0, 1].
        settings: thresholds, and how many batches are drawn of each size.

    Returns:
        Its size; or the largest that could be tried, as more than half of the changed images are never in a batch.
    """
    rng = np.random.default_rng(2)
    parts = [known, healthy, changed]
    counts = [len(part["digit"]) for part in parts]
    total = sum(counts)
    pool = pool_of({name: np.concatenate([part[name] for part in parts]) for name in known})
    is_known = _mask(np.arange(counts[0]), total)
    tried = 0
    for size, threshold in settings.thresholds.items():
        strange = round(share * size)
        if not strange or 2 * strange > counts[2]:
            continue
        found = []
        for _ in range(settings.batches):
            usual = counts[0] + rng.choice(counts[1], size - strange, replace=False)
            rows = np.concatenate([usual, counts[0] + counts[1] + rng.choice(counts[2], strange, replace=False)])
            found.append(pool.compare(is_known, _mask(rows, total)))
        if (smallest_p(found) <= threshold).mean() >= _POWER:
            return f"{size:,}"
        tried = size
    return f"more than {tried:,}"


def _changes(rows: np.ndarray, params: Params, count: int, pictures: int) -> Iterator[tuple[dict[str, Cell], Columns]]:
    """Each change of the table of robustness, and the columns of the images that were changed so."""
    dataset, model = Dataset(paths.PROCESSED), local_model(str(paths.MODEL))
    images = dataset.arrays("validation")[0][np.sort(rows)]
    labels = dataset.labels("validation")[np.sort(rows)]
    settings = params.evaluate.robustness
    few = settings.pictures.model_copy(update={"images": pictures})
    settings = settings.model_copy(update={"images": count, "pictures": few})
    classify, bounds = load_classifier(model.file()), params.validate_.each.model_dump()
    for one in perturb(images, labels, settings):
        probabilities = classify(one.pixels, params.evaluate.batch_size)
        yield _name(one, probabilities), describe(one.pixels, probabilities, threshold_of(model.results), bounds)


def _name(one: Perturbed, probabilities: np.ndarray) -> dict[str, Cell]:
    right = probabilities.argmax(axis=1) == one.labels[one.found]
    return {"change": one.perturbation, "strength": f"{one.strength:g}", "accuracy": f"{right.mean():.1%}"}


def _take(columns: Columns, rows: np.ndarray) -> dict[str, Any]:
    return {name: values[rows] for name, values in columns.items()}


def _mask(rows: np.ndarray, count: int) -> np.ndarray:
    mask = np.zeros(count, bool)
    mask[rows] = True
    return mask
