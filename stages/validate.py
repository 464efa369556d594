"""Stage validate: check the raw data before anything is made of it. Run by DVC as `python -m stages.validate`.

A failed expectation stops the pipeline. What is left in reports/validation then says so: the metrics count the
failures and name them, the picture's title does, and the Data Docs show each with its rows. DVC saves none of it.
"""

import shutil

from digits import layout
from digits.errors import DigitsError, one_line_errors
from digits.params import load_params


def main() -> None:
    """Read section `validate` of params.yaml and data/raw; write reports/validation."""
    params = load_params().validate_
    # Pandas and Matplotlib cost a second: a wrong key is refused before.
    from rich.console import Console

    from digits.data_docs import make_offline
    from digits.expectations import describe, run
    from digits.files import atomic_path, write_json
    from digits.frame import class_means
    from digits.raw import read_raw
    from digits.style import save_figure
    from digits.validation_plot import validation_figure
    from digits.validation_report import failure_line, failure_table, summary

    # What an earlier run found must not stand beside data that cannot even be read.
    shutil.rmtree(layout.VALIDATION, ignore_errors=True)
    splits = read_raw(layout.RAW)
    tables = describe(splits, params)
    with atomic_path(layout.VALIDATION / "data_docs") as docs:
        checks = run(tables, docs)
        make_offline(docs, checks)
    frames = {table.name: table.frame for table in tables}
    write_json(layout.VALIDATION / "validation.json", summary(frames, checks))
    figure = validation_figure(
        images={name: frames[f"{name} images"] for name in splits},
        classes={name: frames[f"{name} classes"] for name in splits},
        means={name: class_means(split, len(params.class_shares)) for name, split in splits.items()},
        tolerance=params.class_tolerance,
        checks=checks,
    )
    save_figure(figure, layout.VALIDATION / "validation.png", dpi=120)
    if line := failure_line(checks):
        Console(stderr=True).print(failure_table(checks))
        raise DigitsError(f"{line}; see {layout.VALIDATION / 'data_docs' / 'index.html'}")
    print(f"validate: all {len(checks)} expectations hold, see {layout.VALIDATION / 'validation.png'}")


if __name__ == "__main__":
    with one_line_errors("validate"):
        main()
