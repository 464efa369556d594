"""The stages of dvc.yaml, one file each. This file refuses the wrong Python before anything else is imported.

`.venv/bin/dvc repro` without activation runs whatever `python` is first on PATH, perhaps Python 2: hence the plain
syntax.
"""

import os
import sys

_root = os.getcwd().split(os.sep + os.path.join(".dvc", "tmp", "exps") + os.sep)[0]
_venv = os.path.join(_root, ".venv")
if os.path.isdir(_venv) and os.path.realpath(sys.prefix) != os.path.realpath(_venv):
    sys.exit(
        "digits: this is %s, not the project's Python: run `source .venv/bin/activate` first, or `make repro`."
        % sys.executable
    )
if sys.version_info < (3, 11):
    sys.exit("digits: Python 3.11 or newer is needed, this is %s: run `make repro`." % sys.executable)
