"""An example request to the scoring server: the first image of MNIST's test set, a 7."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
from PIL import Image

SEVEN = Path(__file__).with_name("seven.json")


def example(side: int) -> bytes:
    """The JSON body of a request with one image, in the size that a model takes.

    Args:
        side: height and width of the model's images in pixels.
    """
    body = SEVEN.read_bytes()
    pixels = np.array(orjson.loads(body)["inputs"][0], np.uint8)
    if pixels.shape == (side, side):
        return body
    resample = Image.Resampling.BOX if side < len(pixels) else Image.Resampling.BICUBIC
    resized = Image.fromarray(pixels).resize((side, side), resample)
    return orjson.dumps({"inputs": [np.asarray(resized).tolist()]}) + b"\n"
