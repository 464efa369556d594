"""A drawn 7, a classifier whose answers are known, and its table of robustness."""

import numpy as np
import pandas as pd

from digits.evaluation.perturbation import perturb
from digits.evaluation.robustness import robustness
from digits.params import EvaluateParams

# As in the committed params.yaml, with fewer images. A user's own settings must not decide whether tests pass.
EVALUATE = EvaluateParams.model_validate(
    {
        "batch_size": 500,
        "confidence": 0.95,
        "calibration_bins": 15,
        "accepted_error": 0.001,
        "robustness": {
            "images": 40,
            "seed": 42,
            "changes": {
                "shift": [1, 2, 3, 4],
                "rotation": [5, 10, 15, 20, 30],
                "scale": [-40, -20, -10, 10, 20, 40],
                "stroke": [-2, -1, 1, 2, 3],
                "noise": [16, 32, 64, 96],
                "blur": [0.5, 1, 1.5, 2],
                "contrast": [25, 50, 75, 90],
                "inversion": [1],
                "occlusion": [4, 6, 8, 10],
            },
            "pictures": {
                "images": 6,
                "changes": {
                    "shift": [],
                    "rotation": [15, 30],
                    "scale": [-50, 50],
                    "stroke": [-2, 2],
                    "noise": [32],
                    "blur": [2],
                    "contrast": [75],
                    "inversion": [1],
                    "occlusion": [12],
                },
            },
            "load_digits": True,
        },
    }
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def seven(side: int = 28) -> np.ndarray:
    """A 7 with strokes 3 pixels wide in the middle of the image."""
    image = np.zeros((side, side), dtype=np.uint8)
    top, left = side // 2 - 9, side // 2 - 6
    image[top : top + 3, left : left + 12] = 255
    image[top : top + 18, left + 9 : left + 12] = 255
    return image


def ink(images: np.ndarray) -> np.ndarray:
    return images.astype(np.int64).sum(axis=(1, 2))


def heavy_above(pixels: np.ndarray) -> np.ndarray:
    """A simple classifier of two classes: 1 has more ink in the upper half than in the lower one, 0 has not."""
    above = pixels[:, :14].sum(axis=(1, 2), dtype=np.int64) > pixels[:, 14:].sum(axis=(1, 2), dtype=np.int64)
    return np.stack([~above, above], axis=1).astype(np.float32)


def table_of_heavy_above(params: EvaluateParams = EVALUATE) -> pd.DataFrame:
    """The table of `heavy_above`, which is right on all of these images as long as nobody changes them."""
    images = np.concatenate([np.repeat(seven()[None], 30, axis=0), np.repeat(seven()[None, ::-1], 30, axis=0)])
    perturbed = perturb(images, np.repeat([1, 0], 30), params.robustness)
    return robustness(heavy_above, perturbed, params.confidence)
