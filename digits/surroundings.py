"""What the shell holds for other projects, kept away from what is trained and recorded here.

Libraries read settings from variables. Some of them train another model (KERAS_MAX_EPOCHS), record something else
(MLFLOW_ACTIVE_MODEL_ID) or stop an import (MPLBACKEND). The room that imports a library says which of its variables
may stay: those that name a place, a user or a limit of time, and those that decide how much is printed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping


def shield(read: str, kept: str, fixed: Mapping[str, str], default: Mapping[str, str]) -> None:
    """Drop a library's variables from this process and its children, and set ours. Call it before the import.

    Args:
        read: pattern of the names that the library reads.
        kept: pattern of those that change neither results nor records.
        fixed: values that this project sets, whatever the shell says.
        default: values that the shell may overrule.
    """
    for name in list(os.environ):
        if re.fullmatch(read, name) and not re.fullmatch(kept, name):
            del os.environ[name]
    os.environ.update(fixed)
    for name, value in default.items():
        os.environ.setdefault(name, value)
