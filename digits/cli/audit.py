"""`digits audit`"""

from typing import Annotated

import typer

from digits.cli.app import JsonOption, enter_project

# What the networks of the audit are trained by.
_RECIPE = "fast"


def audit(
    folds: Annotated[int, typer.Option(min=2, max=100, help="Networks to train, each without one part.")] = 5,
    most: Annotated[int, typer.Option(min=1, help="Images of each split on the page.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Find labels that networks contradict which never saw the images; write reports/audit.html. Relabels nothing.

    Example: `digits audit --folds 10`
    """
    import json
    import sys
    from contextlib import redirect_stdout

    from digits import paths
    from digits.audit.audit import audit as act
    from digits.audit.audit import upright
    from digits.data.raw import read_raw
    from digits.files import write_text
    from digits.model.classifier import twin_classifier
    from digits.params import override, parse_params, read_params, recipe_settings, setting
    from digits.report.label_audit import audit_page, print_audit

    enter_project()
    raw = read_params()
    for key, value in recipe_settings(_RECIPE, raw).items():
        override(raw, setting(key, value))
    params = parse_params(raw)
    splits = upright(read_raw(paths.RAW), params.preprocess.transpose)
    model = twin_classifier(paths.MODEL, params.train.threads) if paths.MODEL.is_file() else None
    # Keras prints its progress.
    with redirect_stdout(sys.stderr):
        found = act(
            params, splits, folds, model, lambda fold, right: print(f"audit: fold {fold} of {folds}: {right:.2%} right")
        )
    write_text(paths.AUDIT, audit_page(found, splits, params.preprocess.class_names, most))
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        print_audit(found)
    typer.echo(f"digits: wrote {paths.AUDIT}", err=True)
