"""A model that tells other things apart than digits, on images of another size."""

import json
from pathlib import Path

from support.tiny import TINY, write_model

CLOTHES = ["T-shirt/top", "Trouser", "Ankle boot"]
SIDE = 32


def write_clothes_model(folder: Path) -> Path:
    """Write model.keras, untrained, its twin and classes.json as `digits pull` does. Returns the folder."""
    from digits.model.network import build_model
    from digits.model.runtime import use_tensorflow

    use_tensorflow()
    write_model(build_model(TINY, len(CLOTHES), side=SIDE), folder)
    (folder / "classes.json").write_text(json.dumps(CLOTHES))
    return folder
