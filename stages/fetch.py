"""Stage fetch: bring the four IDX files of the data set to data/raw, hash-checked, from the first source that answers.

Run by DVC as `python -m stages.fetch`.
"""

from pathlib import Path

from digits import layout
from digits.errors import one_line_errors
from digits.params import load_params
from digits.sources import fetch_dataset


def main() -> None:
    """Read section `fetch` of params.yaml, write data/raw."""
    with one_line_errors("fetch"):
        fetch_dataset(load_params().fetch, target=layout.RAW, parts=Path("data/.fetch"))


if __name__ == "__main__":
    main()
