"""The raw data of a git revision, from DVC's cache or remote, and of the working tree."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from digits import dvc, git, paths
from digits.data.idx import open_idx
from digits.data.raw import FILES, Split, read_raw, refuse_unpaired, to_images, to_labels
from digits.errors import DigitsError


@dataclass(frozen=True)
class Revision:
    """A revision as a person named it.

    Attributes:
        name: as it was given.
        commit: of git.
        is_experiment: whether it is the name of a DVC experiment.
    """

    name: str
    commit: str
    is_experiment: bool


def revision(name: str) -> Revision:
    """The revision of git or the DVC experiment with a name, in the current folder's repository.

    Raises:
        DigitsError: there is none.
    """
    root = paths.project_root()
    git.require_commit("comparing revisions", root)
    refs = [experiment.ref for experiment in dvc.experiments() if experiment.name == name]
    commit = git.commit_of(refs[0] if refs else name, root)
    if commit is None:
        raise DigitsError(f"{name}: no git revision or DVC experiment is called so; `git log --oneline` lists commits")
    return Revision(name, commit, bool(refs))


def raw_data(of: Revision | None) -> dict[str, Split]:
    """The splits `train` and `test`. The images stay in their files.

    Args:
        of: the revision whose dvc.lock says which data; None for data/raw as it lies in the project's folder.

    Raises:
        DigitsError: the revision has no data, neither the cache nor the remote has them, or they are malformed.
    """
    if of is None:
        return read_raw(paths.project_root() / paths.RAW)
    md5 = dvc.out_digest(paths.RAW, of.commit)
    if md5 is None:
        raise DigitsError(f"{of.name}: no stage has {paths.RAW} as an out in its dvc.lock: choose another revision")
    if not dvc.is_cached(md5):
        _fetch(of, md5)
    return {split: _split(of, md5, *names) for split, names in FILES.items()}


def _fetch(of: Revision, md5: str) -> None:
    """Bring the data of a revision from DVC's remote."""
    check_out = "dvc exp apply" if of.is_experiment else "git checkout"
    anew = f"`{check_out} {shlex.quote(of.name)} && dvc repro fetch` makes it anew"
    lacking = f"{of.name}: {paths.RAW} is not in DVC's cache"
    try:
        if not dvc.fetch(md5):
            raise DigitsError(f"{lacking}, and no remote is set: `dvc remote add -d NAME URL`, or {anew}")
    except OSError as error:
        raise DigitsError(
            f"{lacking}, nor could it be fetched ({error}): `dvc fetch -A {paths.RAW}` says more, {anew}"
        ) from None


def _split(of: Revision, md5: str, images_name: str, labels_name: str) -> Split:
    arrays = []
    for name in (images_name, labels_name):
        path, place = dvc.cached_in_folder(md5, name), f"{of.name}:{paths.RAW / name}"
        if path is None:
            raise DigitsError(f"{place} is not among the data that its dvc.lock names: choose another revision")
        arrays.append((open_idx(path, place), place))
    (images, images_place), (labels, labels_place) = arrays
    split = Split(to_images(images, images_place), to_labels(labels, labels_place))
    refuse_unpaired(split, images_place, labels_place)
    return split
