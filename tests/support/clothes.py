"""A model that tells other things apart than digits, on images of another size."""

import json
from pathlib import Path

CLOTHES = ["T-shirt/top", "Trouser", "Ankle boot"]
SIDE = 32


def write_clothes_model(folder: Path) -> Path:
    """Write model.keras, untrained, and classes.json as `digits pull` does. Returns the folder."""
    from digits.model.network import build_model
    from digits.model.runtime import use_tensorflow
    from digits.params import ModelParams

    use_tensorflow()
    params = ModelParams(filters=[4], kernel_size=3, pool_size=2, conv_dropout=0.0, dense_units=8, dense_dropout=0.0)
    build_model(params, len(CLOTHES), side=SIDE).save(folder / "model.keras")
    (folder / "classes.json").write_text(json.dumps(CLOTHES))
    return folder
