"""The JSON body of a request to the scoring server: raw pixels, or a refusal that says what to send."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import orjson

from digits.serving.http import RequestError


def what_to_send(side: int) -> str:
    """The form of a body, in words, for a model of images of side × side pixels."""
    return f'{{"inputs": [image, …]}}, each image {side} rows of {side} integers from 0 (paper) to 255 (ink)'


def parse_pixels(body: bytes, side: int = 28) -> np.ndarray:
    """Read the JSON body of a request: `{"inputs": …}` or `{"instances": …}`. No value is converted.

    Args:
        body: UTF-8.
        side: height and width of an image in pixels.

    Returns:
        uint8 (n, side, side), n ≥ 1.

    Raises:
        RequestError: 400, the body is anything else. The sentence says what is wrong and what to send.
    """
    images = _images(body, side)
    rows = list(chain.from_iterable(_checked_rows(images, side)))
    for i, row in enumerate(rows):
        if type(row) is not list or len(row) != side:
            what = f"has {len(row)} values" if type(row) is list else f"is {_short(row)}"
            raise _bad(f"Image {i // side}, row {i % side} {what} where {side} integers are expected", side)
    try:
        # `bytes` accepts integers from 0 to 255. Of JSON's other values, it accepts true and false only.
        flat = bytes(chain.from_iterable(rows))
    except (TypeError, ValueError):
        raise _bad_pixel(rows, side) from None
    if b"true" in body or b"false" in body:
        raise _bad_pixel(rows, side)
    return np.frombuffer(flat, np.uint8).reshape(len(images), side, side)


def _images(body: bytes, side: int) -> list[Any]:
    if not body.strip():
        raise _bad("The body is empty", side)
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _bad(f"The body is not valid JSON ({error})", side) from None
    if type(payload) is not dict:
        raise _bad(f"The body is {_short(payload)}, not a JSON object", side)
    keys = sorted(payload)
    if any(key.startswith("dataframe_") for key in keys):
        raise _bad("Data frames have no place for images", side)
    if keys not in (["inputs"], ["instances"]):
        named = ", ".join(_short(key) for key in keys[:5]) or "no key"
        raise _bad(f'The body has {named} where the one key "inputs" (or "instances") is expected', side)
    images = payload[keys[0]]
    if type(images) is not list or not images:
        raise _bad(f'"{keys[0]}" is {_short(images)} where a list of images is expected', side)
    return images


def _checked_rows(images: list[Any], side: int) -> list[list[Any]]:
    if len(images) == side and all(type(row) is list and row and type(row[0]) is not list for row in images):
        raise _bad("A single image must be in a list as well: put one more pair of brackets around it", side)
    for i, image in enumerate(images):
        if type(image) is not list or len(image) != side:
            what = f"has {len(image)} rows" if type(image) is list else f"is {_short(image)}"
            raise _bad(f"Image {i} {what} where {side} rows are expected", side)
    return images


def _bad_pixel(rows: list[list[Any]], side: int) -> RequestError:
    """Name the first value that is not an integer from 0 to 255."""
    for i, row in enumerate(rows):
        for column, value in enumerate(row):
            if type(value) is int and 0 <= value <= 255:
                continue
            place = f"Image {i // side}, row {i % side}, column {column} is {_short(value)}"
            numbers = (each for each in chain.from_iterable(rows) if isinstance(each, int | float))
            if type(value) is float and 0 <= value <= max(numbers) <= 1:
                return _bad(f"{place}: pixels must not be scaled to 0…1", side)
            return _bad(place, side)
    raise AssertionError("called without a bad pixel")


def _bad(problem: str, side: int) -> RequestError:
    return RequestError(400, f"{problem}: send {what_to_send(side)}.")


def _short(value: Any) -> str:
    """A JSON value in at most 40 characters. A list or object may be deep or huge, so its type is named instead."""
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "an object"
    text = orjson.dumps(value[:40] if isinstance(value, str) else value).decode()
    return text if len(text) <= 40 else text[:39] + "…"
