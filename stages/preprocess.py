"""Stage preprocess: split the labelled images, one-hot their labels, write arrays that are read by rows.

Pixels stay raw (uint8): rescaling and the channel axis are layers of the model, see digits/model/network.py.
"""

import numpy as np

from digits import paths
from digits.data.dataset import Dataset, array_hash
from digits.data.raw import read_raw
from digits.data.split import split_rows, write_split
from digits.files import atomic_path, write_json
from digits.params import Params


def main(params: Params) -> None:
    """Read section `preprocess` and data/raw, write data/processed."""
    options = params.preprocess
    classes = len(options.class_names)
    labelled, test = read_raw(paths.RAW).values()
    train, validation = split_rows(labelled.labels, options.validation_split, options.split, options.seed)
    everything = np.arange(len(test.labels))
    with atomic_path(paths.PROCESSED) as folder:
        folder.mkdir()
        for name, source, rows in (
            ("train", labelled, train),
            ("validation", labelled, validation),
            ("test", test, everything),
        ):
            write_split(folder, name, source, rows, classes, options.transpose)
        np.save(folder / "train_rows.npy", train, allow_pickle=False)
        np.save(folder / "validation_rows.npy", validation, allow_pickle=False)
        facts = {
            "class_names": options.class_names,
            "train": len(train),
            "validation": len(validation),
            "test": len(everything),
            "test_sha256": array_hash(Dataset(folder).arrays("test")[0], test.labels),
        }
        write_json(folder / paths.DATASET.name, facts)
    print(f"preprocess: {len(train):,} training, {len(validation):,} validation, {len(everything):,} test images")
