"""Stage params: refuse a params.yaml that does not fit its schema as a whole.

Every stage checks the file before it runs. This one runs first and whenever params.yaml changes. DVC removes the outs
of a stage before it runs it, so a parameter that is refused here costs nothing that was there.
"""

from digits import paths
from digits.files import write_text
from digits.params import Params, flatten


def main(params: Params) -> None:
    """Leave a file that stage fetch depends on. Its content never changes, so no stage runs again because of it."""
    write_text(paths.PARAMS_CHECKED, "params.yaml fits digits/params/schema.py\n")
    print(f"params: all {len(flatten(params))} parameters are valid")
