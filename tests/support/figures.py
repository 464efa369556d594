"""Data for figures, and measures of what was drawn."""

import io

import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from digits import style

FASHION = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
LONG = [*FASHION[:9], "Ankle boot of brown leather, worn: $5 or $6"]
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "accuracy": [0.90, 0.96, 0.981],
        "loss": [0.30, 0.12, 0.06],
        "val_accuracy": [0.979, 0.984, 0.99],
        "val_loss": [0.07, 0.05, 0.03],
    }
)
STOPPED = {"stopped": True, "reason": "accuracy 0.9810 > 0.98 after epoch 3", "monitor": "accuracy", "threshold": 0.98}
ENDED = {"stopped": False, "reason": "all 3 epochs are done", "monitor": "val_loss", "threshold": 0.01}


def per_class(predictions: pd.DataFrame, names: list[str]) -> dict[str, dict[str, float]]:
    """As in metrics.json."""
    scores = precision_recall_fscore_support(
        predictions["actual"], predictions["predicted"], labels=range(len(names)), zero_division=0
    )
    keys = ("precision", "recall", "f1", "support")
    return {
        name: {key: float(column[i]) for key, column in zip(keys, scores, strict=True)} for i, name in enumerate(names)
    }


def png(figure) -> bytes:
    """The bytes that `save_figure` would write."""
    buffer = io.BytesIO()
    with style.style():
        # Hinting makes the width of text depend on the resolution: measure at that of the file.
        figure.set_dpi(120)
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def overhang(figure) -> float:
    """By how many inches the drawn artists reach beyond the canvas; negative: the margin that is left."""
    png(figure)
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)


def overlapping(texts) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other by more than a pixel."""
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts if text.get_text()]
    return [(a, b) for i, (a, box) in enumerate(boxes) for b, other in boxes[i + 1 :] if box.overlaps(other)]


def texts(figure) -> list[str]:
    """All texts of a figure, its subfigures included."""
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
