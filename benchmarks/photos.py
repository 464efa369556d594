"""How many generated photos of handwriting `digits predict` reads correctly, by kind of paper and pen.

The digits are validation images. `tests/support/scenes.py` makes the photos. Run the pipeline first, then:

    python benchmarks/photos.py [--images 50]
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np

from digits import paths
from digits.data.dataset import Dataset
from digits.model.classifier import load_classifier
from digits.pictures.file import load_picture
from digits.pictures.read import Reader, predict
from digits.results import working_copy

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.scenes import KINDS, photo


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50, help="photos of each kind, with a digit and without")
    count = parser.parse_args().images
    images, labels = Dataset(paths.PROCESSED).arrays("validation")
    reader = Reader.of(load_classifier(paths.MODEL), working_copy())

    def read(image: np.ndarray | None, kind: str, rng: np.random.Generator) -> list[tuple[int, bool]]:
        file = io.BytesIO()
        photo(image, kind, rng).save(file, "JPEG", quality=85)
        readings = predict(load_picture(file.getvalue()), reader).readings
        return [(reading.digit, reading.sure) for reading in readings]

    print("kind             right   sure and wrong   none found on empty paper")
    for kind in KINDS:
        rng = np.random.default_rng(0)
        chosen = rng.choice(len(images), count, replace=False)
        found = [(read(images[i], kind, rng), int(labels[i].argmax())) for i in chosen]
        right = sum([digit for digit, _ in answer] == [label] for answer, label in found)
        misled = sum(
            [digit for digit, _ in answer] != [label] and any(sure for _, sure in answer) for answer, label in found
        )
        empty = sum(not read(None, kind, rng) for _ in range(count))
        print(f"{kind:14} {right:4}/{count}{misled:12}/{count}{empty:16}/{count}", flush=True)


if __name__ == "__main__":
    main()
