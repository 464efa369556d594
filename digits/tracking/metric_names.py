"""Class names as parts of MLflow's metric names: no two classes of a model share one."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# MLflow refuses a name of more than 250 characters, and `test_precision/` stands before this part.
_LONGEST = 200
_WITH_LABEL = re.compile(r" label \d+$", re.IGNORECASE)


def metric_names(class_names: Sequence[str]) -> list[str]:
    """The part of a metric's name that stands for a class, one for each class: `test_f1/7`.

    MLflow allows few characters but letters and digits there, so the others become `_`. Classes whose names are alike
    after that have their labels added: `T-shirt_top label 0`. Alike are also `a` and `A`, which are the same name to
    some databases.

    Args:
        class_names: name of label 0, 1, …; all different.
    """
    cleaned = [_cleaned(name) for name in class_names]
    alike = Counter(map(_folded, cleaned))
    return [
        # A class may be called "a label 3" itself. With its own label it is like no other.
        f"{name} label {label}" if alike[_folded(name)] > 1 or _WITH_LABEL.search(name) or _is_path(name) else name
        for label, name in enumerate(cleaned)
    ]


def _cleaned(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-. " else "_" for c in name)[:_LONGEST]


def _folded(name: str) -> str:
    """The name without what a database may overlook: case, accents, and spaces at the end."""
    parts = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c)).strip()


def _is_path(name: str) -> bool:
    """Whether MLflow would take the name for a folder."""
    return name in ("", ".", "..")
