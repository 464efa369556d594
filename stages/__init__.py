"""The stages of dvc.yaml, one file each. This file refuses the wrong Python and wrong parameters before anything else.

`.venv/bin/dvc repro` without activation runs whatever `python` is first on PATH, perhaps Python 2: hence the plain
syntax.
"""

import os
import sys

_root = os.getcwd().split(os.sep + os.path.join(".dvc", "tmp", "exps") + os.sep)[0]
_venv = os.path.join(_root, ".venv")
# An environment that somebody activated (`mlflow run` does) is meant; the python that PATH happens to have is not.
_activated = [os.environ.get("VIRTUAL_ENV"), os.environ.get("CONDA_PREFIX"), _venv]
_prefixes = [os.path.realpath(folder) for folder in _activated if folder]
if os.path.isdir(_venv) and os.path.realpath(sys.prefix) not in _prefixes:
    sys.exit(
        "digits: this is %s, not the project's Python: run `source .venv/bin/activate` first, or `make repro`."
        % sys.executable
    )
if sys.version_info < (3, 11):
    sys.exit("digits: Python 3.11 or newer is needed, this is %s: run `make repro`." % sys.executable)

if sys.orig_argv[1:2] == ["-m"] and sys.orig_argv[2].startswith("stages."):
    try:
        from digits.errors import one_line_errors
        from digits.params import load_params
    except ImportError as error:
        sys.exit("digits: %s has not what the pipeline needs (%s): run `make repro`." % (sys.executable, error))
    # Stages import libraries that take seconds: a wrong key in params.yaml is refused before.
    with one_line_errors(sys.orig_argv[2].partition(".")[2]):
        load_params()
