"""The project's one visual style: colours, sizes, and how a figure becomes a file.

Figures are made with the object-oriented interface, inside the style:

    with style():
        figure = Figure(figsize=(8, 5))
        ...
    save_figure(figure, path, dpi)
"""

from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib.style
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.typing import ColorType

from digits.files import atomic_path

# Okabe and Ito, "Color Universal Design" (2008): told apart with any colour vision. Their yellow is left out: on white
# it has too little contrast for lines and text.
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
BLACK = "#000000"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK)
# Secondary text and guide lines: 7:1 contrast on white.
GREY = "#595959"

# Perceptually uniform with monotonic lightness: serves any colour vision and greyscale prints. Light to dark, so that
# little is dark on a white page.
SEQUENTIAL = "viridis_r"
# Pictures as the data stores them: 0 is black, 255 is white.
PIXELS = "gray"

_RC = {
    # Comes with Matplotlib: the same glyphs on every machine.
    "font.family": "DejaVu Sans",
    # Half of 12 points at 120 dots per inch is still 10 pixels high.
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.labelsize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "figure.titlesize": 15,
    "figure.figsize": (8, 5),
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.2,
    "lines.markersize": 7,
    "legend.frameon": False,
    # A class may be called "$1" or "5$ note"; logarithmic axes therefore need a formatter of their own.
    "text.parse_math": False,
    "image.cmap": SEQUENTIAL,
    "image.interpolation": "nearest",
    "svg.hashsalt": "digits",
}


def style() -> AbstractContextManager[None]:
    """The style as a context: within it, figures and artists are made alike on every machine.

    It starts from Matplotlib's defaults, so a user's own `matplotlibrc` changes nothing.
    """
    return matplotlib.style.context(_RC, after_reset=True)


def save_figure(figure: Figure, path: Path | str, dpi: int) -> None:
    """Write a figure as PNG, atomically, with the same bytes for the same figure (no software version, no date).

    Args:
        figure: made within `style()`.
        path: ends in `.png`; folders are made as needed.
        dpi: dots per inch.
    """
    # Some settings, such as the resolution of fonts, are read when the figure is drawn.
    with style(), atomic_path(path) as part:
        figure.savefig(part, format="png", dpi=dpi, metadata={"Software": None})


def text_colour(background: ColorType) -> str:
    """Black or white, whichever has the higher contrast on a background colour.

    Relative luminance and contrast as in the Web Content Accessibility Guidelines 2.2.
    """
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(background)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Contrast with black is (L + 0.05) / 0.05, with white 1.05 / (L + 0.05).
    return "black" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "white"
