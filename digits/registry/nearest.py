"""What is said of a name that means no model."""

from __future__ import annotations

import difflib
from pathlib import Path

from digits import dvc, git
from digits.registry.history import CHALLENGER, CHAMPION
from digits.registry.versions import Registry
from digits.tracking import find
from digits.tracking.logged_model import FILE

_LOOKED_THROUGH = "file or folder, alias, version, run, DVC experiment or git revision"
# The newest runs among which a misspelt name's nearest is looked for.
_AMONG = 1000


def unknown_name(name: str, registry: Registry) -> str:
    """One line for a name that means no model: what was looked through, and the nearest names."""
    if Path(name).is_dir():
        return f"{name}: a folder without {FILE}, and no {_LOOKED_THROUGH.partition(', ')[2]} is called so"
    versions = [str(version.version) for version in registry.versions()]
    if name in (CHAMPION, CHALLENGER):
        listed = ", ".join(registry.aliases()) or "none"
        return f"{registry.name} has no {name} (aliases: {listed}): `digits register` names a new version"
    if name.isdecimal():
        return f"{registry.name} has no version {name} (versions: {', '.join(versions) or 'none yet'})"
    runs = find.newest_names(registry.client, _AMONG)
    experiments = [experiment.name for experiment in dvc.experiments()]
    branches = (git.git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags") or "").splitlines()
    known = dict.fromkeys([*registry.aliases(), *versions, *experiments, *runs, *branches])
    near = difflib.get_close_matches(name, known, n=3)
    meant = f", did you mean {' or '.join(near)}?" if near else ": `digits compare` lists what there is"
    return f"{name}: no {_LOOKED_THROUGH} is called so{meant}"
