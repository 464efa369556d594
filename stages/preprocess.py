"""Stage preprocess: split the labelled images, one-hot their labels, write arrays that are read by rows.

Pixels stay raw (uint8): rescaling and the channel axis are layers of the model, see digits/model/network.py. The images
of `preprocess.extra` are added: theirs for training to the training images, theirs for testing as a split of their own.
"""

import numpy as np

from digits import paths
from digits.data.dataset import Dataset, array_hash
from digits.data.extra import parts_of, read_extra
from digits.data.raw import read_raw
from digits.data.split import Part, split_rows, write_split
from digits.files import atomic_path, write_json
from digits.params import Params


def main(params: Params) -> None:
    """Read section `preprocess`, data/raw and the data sets of `preprocess.extra`; write data/processed."""
    options = params.preprocess
    classes = len(options.class_names)
    labelled, test = read_raw(paths.RAW).values()
    train, validation = split_rows(labelled.labels, options.validation_split, options.split, options.seed)
    extra = read_extra(options.extra, labelled.images.shape[1], classes)
    parts = {
        "train": [Part(labelled, train, options.transpose), *parts_of(extra, "train", options.extra_times)],
        "validation": [Part(labelled, validation, options.transpose)],
        "test": [Part(test, np.arange(len(test.labels)), options.transpose)],
    }
    if extra:
        parts["feedback"] = parts_of(extra, "test")
    sizes = {name: sum(len(part.rows) for part in of_split) for name, of_split in parts.items()}
    with atomic_path(paths.PROCESSED) as folder:
        folder.mkdir()
        for name, of_split in parts.items():
            write_split(folder, name, of_split, classes)
        np.save(folder / "train_rows.npy", train, allow_pickle=False)
        np.save(folder / "validation_rows.npy", validation, allow_pickle=False)
        dataset = Dataset(folder)
        hashes = {"test_sha256": array_hash(dataset.arrays("test")[0], test.labels)}
        if extra:
            hashes["feedback_sha256"] = array_hash(*dataset.arrays("feedback"))
        write_json(folder / paths.DATASET.name, {"class_names": options.class_names, **sizes, **hashes})
    print(f"preprocess: {', '.join(f'{count:,} {name}' for name, count in sizes.items())} images")
