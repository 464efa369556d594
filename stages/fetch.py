"""Stage fetch: bring the four IDX files to data/raw, hash-checked, from the first source that answers."""

from digits import paths
from digits.data.fetch import fetch_dataset
from digits.params import Params


def main(params: Params) -> None:
    """Read section `fetch`, write data/raw."""
    fetch_dataset(params.fetch, target=paths.RAW, parts=paths.RAW_PARTS)
