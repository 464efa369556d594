"""Which of several trained models is better, and whether the difference is real. Knows neither MLflow nor DVC."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pandas as pd

from digits import paths
from digits.errors import DigitsError
from digits.evaluation.intervals import wilson_interval
from digits.evaluation.paired import PairedComparison, compare_paired, correct_for_many, refuse_other_images, right
from digits.evaluation.scores import ACCURACY, METRICS, Metric
from digits.results import Results

OTHER_DATA = "not compared: scored on other test data"
# Stands for a value that a model does not have.
MISSING = "–"
# What people call the images that every look at makes dearer.
TEST_IMAGES = "test images"


@dataclass(frozen=True)
class Entry:
    """A model in a comparison.

    Attributes:
        model: its results.
        accuracy: share of the test images that it got right.
        low: lower end of the Wilson interval of `accuracy`, at the comparison's confidence.
        high: its upper end.
        paired: against the baseline; None for the baseline itself and if the test data differ.
        note: the verdict in words, or why there is none.
    """

    model: Results
    accuracy: float
    low: float
    high: float
    paired: PairedComparison | None
    note: str

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `no evidence`, `baseline` or `not compared`."""
        return self.paired.verdict if self.paired else self.note.partition(":")[0]

    def score(self, metric: Metric) -> float | None:
        """The value of a metric; None if the model was scored before the metric existed."""
        return self.accuracy if metric is ACCURACY else self.model.metrics.get(metric.key)

    def interval(self, metric: Metric) -> tuple[float, float] | None:
        """The interval of a metric at the comparison's confidence; None for all but the accuracy."""
        return (self.low, self.high) if metric is ACCURACY else None


@dataclass(frozen=True)
class Comparison:
    """Models in the order of display, one of them the baseline of all others.

    Attributes:
        entries: one per model.
        baseline: the entry that the others are compared with.
        differing: names of the parameters that are not the same for all.
        significance: of each verdict, after Holm's correction; intervals have confidence 1 - `significance`.
        tests: number of comparisons that the p values are corrected for.
        images: what people call the images.
    """

    entries: list[Entry]
    baseline: Entry
    differing: list[str]
    significance: float
    tests: int
    images: str = TEST_IMAGES

    @property
    def method(self) -> str:
        """How the numbers were made, in a few sentences for below the table."""
        level = f"{1 - self.significance:.0%}"
        if not self.tests:
            return f"Interval: {level}, Wilson."
        n = len(self.baseline.model.predictions)
        corrected = f", p corrected for {self.tests} comparisons (Holm)" if self.tests > 1 else ""
        dearer = (
            " digits promote asks for a smaller p, the more models were tried." if self.images == TEST_IMAGES else ""
        )
        return (
            f"Compared with {self.baseline.model.name} on the same {n:,} {self.images}. "
            f"Intervals: {level}; Wilson's for an accuracy, Tango's for a paired difference. "
            f"Verdict: McNemar's exact test, two-sided{corrected}; a difference counts at p < {self.significance:g}."
            f"{dearer}"
        )


def fetch(models: Sequence[Results]) -> None:
    """Have the files ready that a comparison reads: a server sends those of many models at once."""
    files = (paths.METRICS, paths.PREDICTIONS, paths.TRAINING, paths.HISTORY)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda model: [model.find(file) for file in files], models))


def compare(
    models: Sequence[Results],
    baseline: str | None = None,
    sort: str | None = None,
    significance: float = 0.05,
    images: str = TEST_IMAGES,
) -> Comparison:
    """Compare models on the same images.

    Args:
        models: at least one, with unique names. Values of parameters are compared as text, because MLflow stores text.
        baseline: name of the one that the others are compared with; default is the first.
        sort: key of the order, see `sort_keys`, best first; default is the order given.
        significance: of the verdicts, in (0, 1).
        images: what people call the images.

    Raises:
        DigitsError: no model, a name twice, an unknown baseline or sort key, or two lists of predictions that claim the
            same test data and are not of the same images.
    """
    names = [model.name for model in models]
    if not models:
        raise DigitsError("nothing to compare: no trained model was found")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DigitsError(f"{', '.join(twice)}: given more than once, each model can be compared only once")
    if baseline is not None and baseline not in names:
        raise DigitsError(f"--baseline {baseline}: not among the models compared ({', '.join(names)})")
    base = models[names.index(baseline)] if baseline else models[0]

    others = [model for model in models if model is not base and model.test_sha256 == base.test_sha256]
    for other in others:
        refuse_other_images(base.predictions, other.predictions)
    base_right = right(base.predictions)
    tests = correct_for_many([compare_paired(base_right, right(other.predictions), significance) for other in others])
    paired = dict(zip((other.name for other in others), tests, strict=True))

    entries = [_entry(model, base, paired.get(model.name), significance) for model in models]
    reference = next(entry for entry in entries if entry.model is base)
    differing = _differing([model.params for model in models])
    if sort:
        entries = _sorted(entries, sort, differing)
    return Comparison(entries, reference, differing, significance, len(tests), images)


def sort_keys(differing: Sequence[str] = ()) -> list[str]:
    """The keys that `compare` can sort by: its own, and the parameters that differ."""
    return [*_sort_values(), *differing]


def _entry(model: Results, base: Results, paired: PairedComparison | None, significance: float) -> Entry:
    correct = right(model.predictions)
    low, high = wilson_interval(int(correct.sum()), len(correct), 1 - significance)
    if model is base:
        note = "baseline"
    elif paired is None:
        note = OTHER_DATA
    elif model.model_sha256 and model.model_sha256 == base.model_sha256:
        note = f"{paired.verdict}: the same model file"
    else:
        note = paired.explanation
    return Entry(model, float(correct.mean()), low, high, paired, note)


def _differing(params: Sequence[dict[str, Any]]) -> list[str]:
    """Parameters whose text is not the same everywhere, in the order in which they first appear."""
    keys = dict.fromkeys(key for flat in params for key in flat)
    return [key for key in keys if len({str(flat.get(key, MISSING)) for flat in params}) > 1]


def _sort_values() -> dict[str, Callable[[Entry], float | None]]:
    """Sort key → number of an entry, small for the best; None comes last."""
    # Difference and p are of the accuracy, so they follow it.
    paired: dict[str, Callable[[Entry], float | None]] = {
        "difference": lambda entry: -entry.paired.difference if entry.paired else None,
        "p": lambda entry: entry.paired.p_adjusted if entry.paired else None,
    }
    metrics = {metric.key: _small_for_the_best(metric) for metric in METRICS}
    accuracy = {ACCURACY.key: metrics.pop(ACCURACY.key)}
    return accuracy | paired | metrics | {"training_seconds": lambda entry: entry.model.training_seconds}


def _small_for_the_best(metric: Metric) -> Callable[[Entry], float | None]:
    def value(entry: Entry) -> float | None:
        score = entry.score(metric)
        return -score if score is not None and metric.higher_is_better else score

    return value


def _sorted(entries: list[Entry], key: str, differing: Sequence[str]) -> list[Entry]:
    by_key = _sort_values()
    if key in by_key:
        values = [by_key[key](entry) for entry in entries]
        order = sorted(range(len(entries)), key=lambda i: (values[i] is None, values[i] or 0))
    elif key in differing:
        texts = pd.Series([str(entry.model.params.get(key, "")) for entry in entries])
        numbers = pd.to_numeric(texts, errors="coerce")
        order = list((texts if numbers.isna().any() else numbers).sort_values(kind="stable").index)
    else:
        raise DigitsError(f"--sort {key}: no such key, take one of {', '.join(sort_keys(differing))}")
    return [entries[i] for i in order]
