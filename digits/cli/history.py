"""`digits history`"""

from typing import Annotated

import typer

from digits.cli.app import open_registry


def history(as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False) -> None:
    """List every change of an alias: when, from, to, who, why. Then looks at test images, probations, retrainings.

    Example: `digits history --json`
    """
    import json
    from collections import Counter
    from dataclasses import asdict

    from digits.monitoring.probation import outcomes
    from digits.monitoring.retrain import retrainings
    from digits.registry.history import print_history
    from digits.registry.looks import looks_of

    registry = open_registry(only_look=True)
    changes = registry.history()
    if as_json:
        typer.echo(json.dumps([asdict(change) for change in changes], indent=2, ensure_ascii=False))
    else:
        print_history(changes, registry.name)
        for (version, images), count in Counter((one.champion, one.test_sha256) for one in looks_of(registry)).items():
            models = "model was" if count == 1 else "models were"
            typer.echo(f"{count} {models} looked at beside version {version} on test images {images[:12]}…")
        later = [(one.when, str(one)) for one in outcomes(registry)]
        later += [(one.when, str(one)) for one in retrainings(registry)]
        for when, what in sorted(later):
            typer.echo(f"{when[:19].replace('T', ' ')} {what}")
