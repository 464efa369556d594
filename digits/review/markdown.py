"""Markdown for a pull request: the templates of this folder, in which what people named is shown as text."""

from __future__ import annotations

import re
from typing import Any

from digits.registry.model_card import escaped, templates

_MOST_CHARACTERS = 100
# GitHub takes 65,536 characters, which may be of four bytes each.
_LONGEST = 60_000


def render(template: str, **values: Any) -> str:
    """A text short enough for a comment on GitHub and GitLab.

    Args:
        template: a file of this folder. Its filters `md` and `code` make a text mean nothing to Markdown.
        values: what it shows.

    Raises:
        jinja2.UndefinedError: a value is missing.
    """
    environment = templates("digits.review", blocks=True)
    environment.filters |= {"md": _text, "code": _code}
    text = environment.get_template(template).render(**values)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n\n… the rest is too long for a comment.\n"


def _text(value: object) -> str:
    """One line of at most some characters that means nothing to Markdown, calls nobody and links to nothing."""
    return _inert(str(value), 3 * _MOST_CHARACTERS)


def _code(value: object) -> str:
    """As `_text`, in a fixed width."""
    return f"<code>{_inert(str(value), _MOST_CHARACTERS)}</code>"


def _inert(text: str, most: int) -> str:
    shown = escaped(text if len(text) <= most else f"{text[:most]}…")
    # Of `@name`, `#1` and addresses, GitHub and GitLab make links. A space without width keeps them from it.
    return re.sub(r"([@#!]|:(?=//)|www(?=\.))", r"\1&#8203;", shown)
