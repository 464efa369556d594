"""What networks say of images that they never saw: of training images by folds, of test images on average."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from digits.data.raw import Split
from digits.data.split import to_categorical
from digits.errors import DigitsError

if TYPE_CHECKING:
    from digits.params import TrainParams


def fold_rows(labels: np.ndarray, folds: int, names: list[str], seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Divide rows into folds with each class in the same proportion.

    Args:
        labels: integers (n,).
        folds: how many, at least 2.
        names: of label 0, 1, ….
        seed: of the draw.

    Yields:
        For each fold the rows of all others, to train on, and its own; two sorted int64 arrays.

    Raises:
        DigitsError: a class has fewer images than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold

    present, counts = np.unique(labels, return_counts=True)
    if counts.min() < folds:
        name, count = names[present[counts.argmin()]], counts.min()
        if count == 1:
            raise DigitsError(
                f"class {name} has 1 training image, and each of {folds} folds needs one: add images of it"
            )
        raise DigitsError(f"class {name} has {count} training images, too few for {folds} folds: give --folds {count}")
    yield from StratifiedKFold(folds, shuffle=True, random_state=seed).split(np.zeros(len(labels)), labels)


def cross_fit(
    params: TrainParams,
    train: Split,
    test: Split,
    names: list[str],
    folds: int,
    on_fold: Callable[[int, float], None],
) -> tuple[np.ndarray, np.ndarray]:
    """Train on all folds but one, in turn, and classify what was left out.

    Args:
        params: section `train`. Network i has the seed `seed` + i.
        train: training images and labels.
        test: test images, whose labels are not read.
        names: of the classes.
        folds: as for `fold_rows`.
        on_fold: called after every fold with its number (from 1) and the accuracy on it.

    Returns:
        Probabilities of the training images and of the test images, float32 (n, classes). Those of a training image are
        from the one training without it, those of a test image are the mean over all trainings.

    Raises:
        DigitsError: as `fold_rows`, or a label has no name.
    """
    one_hot = to_categorical(train.labels, len(names))
    divided = list(fold_rows(train.labels, folds, names, params.seed))
    from digits.model.runtime import use_tensorflow

    use_tensorflow(params.threads, params.seed)
    from digits.model.classifier import KerasClassifier
    from digits.model.ensemble import train_model

    images, test_images = np.asarray(train.images), np.asarray(test.images)
    seen, unseen = np.empty_like(one_hot), np.zeros((len(test_images), len(names)), np.float32)
    for number, (others, own) in enumerate(divided, 1):
        options = params.model_copy(update={"seed": (params.seed + number - 1) % 2**32})
        own_images = images[own]
        model, _ = train_model(
            options, (images[others], one_hot[others]), (own_images, one_hot[own]), on_epoch=lambda *_: None
        )
        classifier = KerasClassifier(model)
        seen[own] = classifier(own_images)
        unseen += classifier(test_images) / folds
        on_fold(number, float((seen[own].argmax(axis=1) == train.labels[own]).mean()))
    return seen, unseen
