"""Stage preprocess: split the labelled images, one-hot their labels, write memory-mappable arrays to data/processed.

Pixels stay raw (uint8): rescaling and the channel axis are layers of the model, see digits/model/network.py.
"""

import numpy as np

from digits import paths
from digits.data.dataset import array_hash
from digits.data.raw import read_raw
from digits.data.split import split_rows, to_categorical
from digits.files import atomic_path, write_json
from digits.params import Params


def main(params: Params) -> None:
    """Read section `preprocess` and data/raw, write data/processed."""
    options = params.preprocess
    classes = len(options.class_names)
    splits = read_raw(paths.RAW)
    (images, labels), (x_test, y_test) = splits["train"], splits["test"]
    if options.transpose:
        images, x_test = images.transpose(0, 2, 1), x_test.transpose(0, 2, 1)
    train, validation = split_rows(labels, options.validation_split, options.split, options.seed)
    arrays = {
        "x_train": images[train],
        "y_train": to_categorical(labels[train], classes),
        "train_rows": train,
        "x_validation": images[validation],
        "y_validation": to_categorical(labels[validation], classes),
        "validation_rows": validation,
        "x_test": x_test,
        "y_test": to_categorical(y_test, classes),
    }
    with atomic_path(paths.PROCESSED) as folder:
        folder.mkdir()
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
        facts = {
            "class_names": options.class_names,
            "train": len(train),
            "validation": len(validation),
            "test": len(x_test),
            "test_sha256": array_hash(x_test, y_test),
        }
        write_json(folder / paths.DATASET.name, facts)
    print(f"preprocess: {len(train):,} training, {len(validation):,} validation, {len(x_test):,} test images")
