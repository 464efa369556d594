"""Stage validate: check the raw data before anything is made of it.

A failed expectation stops the pipeline. What is left in reports/validation then says so: the metrics count the
failures and name them, the picture's title does, and the Data Docs show each with its rows. DVC saves none of it.
"""

import shutil

from rich.console import Console

from digits import paths
from digits.data.raw import read_raw
from digits.errors import DigitsError
from digits.files import atomic_path, write_json
from digits.params import Params
from digits.style import save_figure
from digits.validation.data_docs import make_offline
from digits.validation.expectations import build_tables
from digits.validation.features import class_means
from digits.validation.figure import validation_figure
from digits.validation.run import run_expectations
from digits.validation.summary import failure_line, failure_table, summary


def main(params: Params) -> None:
    """Read section `validate`, the names of the classes and data/raw; write reports/validation."""
    options, names = params.validate_, params.preprocess.class_names
    # What an earlier run found must not stand beside data that cannot even be read.
    shutil.rmtree(paths.VALIDATION, ignore_errors=True)
    splits = read_raw(paths.RAW)
    tables = build_tables(splits, options)
    with atomic_path(paths.VALIDATION / "data_docs") as docs:
        checks = run_expectations(tables, docs)
        make_offline(docs, checks)
    frames = {table.name: table.frame for table in tables}
    write_json(paths.VALIDATION / "validation.json", summary(frames, checks))
    figure = validation_figure(
        images={name: frames[f"{name} images"] for name in splits},
        classes={name: frames[f"{name} classes"] for name in splits},
        means={name: class_means(split, len(options.class_shares)) for name, split in splits.items()},
        tolerance=options.class_tolerance,
        checks=checks,
        names=names,
    )
    save_figure(figure, paths.VALIDATION / "validation.png", dpi=120)
    if line := failure_line(checks, names):
        Console(stderr=True).print(failure_table(checks, names))
        raise DigitsError(f"{line}; see {paths.VALIDATION / 'data_docs' / 'index.html'}")
    print(f"validate: all {len(checks)} expectations hold, see {paths.VALIDATION / 'validation.png'}")
