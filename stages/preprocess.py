"""Stage preprocess: split the labelled images, one-hot their labels, write memory-mappable arrays to data/processed.

Pixels stay raw (uint8): rescaling and the channel axis are layers of the model, see digits/model.py.
Run by DVC as `python -m stages.preprocess`.
"""

import numpy as np

from digits import layout
from digits.errors import one_line_errors
from digits.files import atomic_path, write_json
from digits.params import load_params
from digits.raw import read_raw
from digits.split import array_hash, split_rows, to_categorical


def main() -> None:
    """Read section `preprocess` of params.yaml and data/raw, write data/processed."""
    with one_line_errors("preprocess"):
        params = load_params().preprocess
        classes = len(params.class_names)
        splits = read_raw(layout.RAW)
        (images, labels), (x_test, y_test) = splits["train"], splits["test"]
        if params.transpose:
            images, x_test = images.transpose(0, 2, 1), x_test.transpose(0, 2, 1)
        train, validation = split_rows(labels, params.validation_split, params.split, params.seed)
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
        with atomic_path(layout.PROCESSED) as folder:
            folder.mkdir()
            for name, array in arrays.items():
                np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
            facts = {
                "class_names": params.class_names,
                "train": len(train),
                "validation": len(validation),
                "test": len(x_test),
                "test_sha256": array_hash(x_test, y_test),
            }
            write_json(folder / "dataset.json", facts)
        print(f"preprocess: {len(train):,} training, {len(validation):,} validation, {len(x_test):,} test images")


if __name__ == "__main__":
    main()
