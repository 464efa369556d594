"""Pages with many images, as one HTML file that needs no network, for light and dark screens and for paper."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader


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
