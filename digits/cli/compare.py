"""`digits compare`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits.cli.app import JsonOption, open_registry, project_params

if TYPE_CHECKING:
    from digits.evaluation.comparison import Comparison


def compare(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="Aliases, versions, runs, DVC experiments, revisions, files, folders."),
    ] = None,
    baseline: Annotated[str, typer.Option(help="The one to compare with; left out: the first.")] = "",
    sort: Annotated[str, typer.Option(help="Column to sort by.")] = "",
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    on: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Compare on the labelled images of this log, not on test images.")
    ] = None,
    html: Annotated[str, typer.Option(help="Write a page with curves and the images they differ on.")] = "",
) -> None:
    """Say which model is better, and whether the difference is real. Without names: champion and newest runs.

    Example: `digits compare champion challenger --html compare.html`
    """
    from digits.evaluation.comparison import TEST_IMAGES, fetch
    from digits.evaluation.comparison import compare as act
    from digits.monitoring.labelled import scored_on
    from digits.program import import_ahead
    from digits.registry.looks import record as record_looks
    from digits.registry.resolve import resolve_all

    if as_json and as_csv:
        raise typer.BadParameter("one or the other", param_hint="--json, --csv")
    params = project_params()
    # MLproject gives an empty name for a parameter that was left out.
    registry = open_registry(only_look=True)
    import_ahead("scipy.stats", "statsmodels.stats.proportion", "statsmodels.stats.multitest")
    found = resolve_all([name for name in models or [] if name], registry)
    # A table shows a run's name where the person gave its id.
    base = found[baseline].results.name if baseline in found else baseline or None
    if on:
        results = scored_on(list(found.values()), on, params.evaluate)
    else:
        results = [model.results for model in found.values()]
        fetch(results)
        record_looks(registry, [one for one in results if one.is_evaluated], "compare")
    which = f"labelled images of {on}" if on else TEST_IMAGES
    comparison = act(results, base, sort or None, params.register_.promotion.significance, which)
    if html:
        _write_page(comparison, Path(html))
    _print(comparison, as_json, as_csv)


def _write_page(comparison: Comparison, file: Path) -> None:
    # matplotlib takes longer to import than the comparison itself.
    from digits import paths
    from digits.data.dataset import Dataset
    from digits.files import write_text
    from digits.report.comparison_page import comparison_page

    dataset = Dataset(paths.project_root() / paths.PROCESSED)
    images = dataset.test_images_of(comparison.baseline.model.test_sha256)
    write_text(file, comparison_page(comparison, images))
    typer.echo(f"digits: wrote {file}", err=True)


def _print(comparison: Comparison, as_json: bool, as_csv: bool) -> None:
    from digits.report.comparison_table import print_comparison, print_json, to_csv

    if as_json:
        print_json(comparison)
    elif as_csv:
        typer.echo(to_csv(comparison), nl=False)
    else:
        print_comparison(comparison)
