"""Stage params: refuse a params.yaml that does not fit its schema as a whole.

Every stage checks it before it runs. This one runs whenever params.yaml changes: also for a section that is misspelt,
which no other stage would miss. Run by DVC as `python -m stages.params`.
"""

from digits.errors import one_line_errors
from digits.params import flatten, load_params


def main() -> None:
    """Read all of params.yaml."""
    with one_line_errors("params"):
        print(f"params: all {len(flatten(load_params()))} parameters are valid")


if __name__ == "__main__":
    main()
