"""Pages with many images, as one HTML file that needs no network, for light and dark screens and for paper."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from PIL import Image


@dataclass(frozen=True)
class Picture:
    """One or more images with words below.

    Attributes:
        uris: PNG as data URIs.
        words: what they are.
        lines: more about them.
    """

    uris: list[str]
    words: str
    lines: list[str]


def render(template: str, **values: Any) -> str:
    """A page from a template of this folder that extends sheet.html; it loads nothing and runs no script."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(**values)


def png_uri(pixels: np.ndarray) -> str:
    """An image, uint8 (height, width), as data URI; 0 is black."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
