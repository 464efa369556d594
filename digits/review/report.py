"""The report of any model that has a name: what is known of it, its gates, and how it differs from the champion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from digits import paths
from digits.data.dataset import Dataset
from digits.errors import DigitsError
from digits.evaluation.comparison import compare
from digits.params import seed_settings
from digits.registry.history import CHAMPION
from digits.registry.lineage import few, lineage_of, typed
from digits.registry.looks import record as record_looks
from digits.registry.promote import assess
from digits.registry.resolve import resolve, resolve_run
from digits.report.run_facts import Row, RunFacts, Standing, run_facts
from digits.report.run_page import run_page
from digits.review.evidence import alone
from digits.review.markdown import render
from digits.tracking.find import results_of

if TYPE_CHECKING:
    from pathlib import Path

    from digits.params import Params
    from digits.registry.model import Model
    from digits.registry.versions import Registry
    from digits.results import Results

_MOST_ROWS = 50


@dataclass(frozen=True)
class Report:
    """What the report of a model is made from: `results` of it, and the `facts` in words."""

    results: Results
    facts: RunFacts


def model_of_name(name: str, registry: Registry) -> Model:
    """The model that a name means, with the run that made it where the store has one.

    Raises:
        DigitsError: see `digits.registry.resolve.resolve`.
    """
    model = resolve(name, lambda: registry)
    if model.run is None:
        with suppress(DigitsError):
            return resolve_run(name, registry)
    return model


def report_of(model: Model, registry: Registry, params: Params) -> Report:
    """Gather what is known of a model, and measure it against the champion as `digits promote --dry-run` does.

    A part that cannot be had, such as the gates of a model whose file is gone, is left out with the reason. Nothing is
    changed, but that the look at the test images is recorded.

    Args:
        model: evaluated; with its run, where the store has one.
        registry: the registered model.
        params: of the project's folder, which is the current one; sections `register` and `evaluate` are used.

    Raises:
        DigitsError: the model was not trained or not evaluated to the end.
    """
    results = replace(model.results, name=_title(model), params=typed(model.results.params))
    if results.validation is None and model.run is not None:
        # A version keeps its own results, and of the raw data its run knows.
        vars(results)["validation"] = results_of(model.run).validation
    # What a model lacks is said before the champion is looked for.
    run_facts(results, {})
    record_looks(registry, [results], "report")
    left_out: list[str] = []
    standing, lineage = None, list[Row]()
    with _or_left_out("The gates", left_out):
        standing = _standing(model, registry, params, left_out)
    with _or_left_out("The lineage", left_out):
        lineage = _lineage(model, registry)
    return Report(results, run_facts(results, seed_settings(), lineage, standing, left_out))


def html(report: Report, model: Model, registry: Registry, params: Params) -> str:
    """The page. Images are shown where data/processed has the model's test images.

    Args:
        report: of `report_of`.
        model: the same.
        registry: where its run is.
        params: sections `evaluate` and `plot` are used.

    Raises:
        DigitsError: a file is missing or damaged.
    """
    images = Dataset(paths.PROCESSED).test_images_of(report.results.test_sha256)
    bins, most = params.evaluate.calibration_bins, params.plot.mistakes
    return run_page(report.facts, report.results, images, bins, most, _validation_figure(report, model, registry))


def markdown(report: Report) -> str:
    """The same in Markdown, without pictures: a comment on a pull request cannot hold them."""
    return render("report.md", r=report.facts, most=_MOST_ROWS)


def _title(model: Model) -> str:
    """What people call it: a run by its name, though an id was given."""
    return model.title if model.version else model.results.run_name or model.results.name


@contextmanager
def _or_left_out(part: str, left_out: list[str]) -> Iterator[None]:
    """Note the reason where a part cannot be had."""
    try:
        yield
    except DigitsError as error:
        left_out.append(f"{part}: {error}")


def _standing(model: Model, registry: Registry, params: Params, left_out: list[str]) -> Standing:
    """The gates, and the comparison with the champion where the model is another one."""
    number = registry.aliases().get(CHAMPION)
    champion = resolve(f"models:/{registry.name}/{number}", lambda: registry) if number else None
    if champion is None or champion.sha256 == model.sha256:
        against = (
            "no other model, as there is no champion" if champion is None else "no other model, as it is the champion"
        )
        return Standing(against, alone(model.file(), model.results, params))
    _, gates = assess(registry, model, params.register_, params.evaluate)
    comparison = None
    with _or_left_out("The comparison with the champion", left_out):
        # Both names are the columns of a table.
        both = [
            replace(champion.results, name=f"champion, version {number}"),
            replace(model.results, name=_title(model)),
        ]
        comparison = compare(both, significance=params.register_.promotion.significance)
    return Standing(f"the champion, version {number}", gates, comparison)


def _lineage(model: Model, registry: Registry) -> list[Row]:
    if model.run is None:
        return [("Model", model.uri), ("MLflow run", "none of this store made it")]
    found = lineage_of(registry, model)
    versions = ", ".join(f"{one} ({', '.join(names)})" if names else one for one, names in found.versions.items())
    commit = found.commit or "unknown"
    changed = found.changed and ", ".join(f"{key}={value}" for key, value in found.changed.items())
    rows = {
        "Recipe": found.recipe,
        "Git commit": f"{commit}, with uncommitted changes in {few(found.changed_files)}" if found.dirty else commit,
        "Changed against the commit": changed,
        "Data, DVC's digest of data/processed": found.data_digest,
        "Version": versions or "not registered",
        "MLflow run": f"{found.run_name} ({found.run_id})",
        "Trained": found.trained_at,
        "DVC experiment": found.dvc_experiment,
        "Processor": found.processor and str(found.processor),
        "Libraries": found.libraries,
    }
    return [(heading, str(cell)) for heading, cell in rows.items() if cell]


def _validation_figure(report: Report, model: Model, registry: Registry) -> Path | None:
    # Of a commit, the picture may be in no cache here.
    with suppress(DigitsError):
        if file := report.results.find(paths.VALIDATION_FIGURE):
            return file
    return results_of(model.run).find(paths.VALIDATION_FIGURE) if model.run else None
