"""How large figures are. Class names may be words of any length, and figures grow with them. Sizes are in inches."""

from collections.abc import Iterable

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from digits.style import style

# For figures of many small parts: half of it, at 120 dots per inch, is still 12 pixels high.
LARGE = 14.0
# A longer side would exceed what an image can hold.
LONGEST_SIDE = 40.0


def text_width(names: Iterable[str], fontsize: float = 12) -> float:
    """Width of the longest name."""
    with style():
        font = FontProperties(size=fontsize)
        widths = [text_to_path.get_text_width_height_descent(name, font, ismath=False)[0] for name in names]
    return max(widths) / 72
