"""A model that tells other things apart than digits, on images of another size."""

import json
from pathlib import Path

from support.tiny import TINY

CLOTHES = ["T-shirt/top", "Trouser", "Ankle boot"]
SIDE = 32


def write_clothes_model(folder: Path) -> Path:
    """Write model.keras, untrained, its twin and classes.json as `digits pull` does. Returns the folder."""
    from digits.files import sha256_file
    from digits.model.network import build_model
    from digits.model.runtime import use_tensorflow
    from digits.model.twin import save_twin

    use_tensorflow()
    model = build_model(TINY, len(CLOTHES), side=SIDE)
    model.save(folder / "model.keras")
    save_twin(model, folder / "model.tflite", sha256_file(folder / "model.keras"))
    (folder / "classes.json").write_text(json.dumps(CLOTHES))
    return folder
