"""The width of names, against the width of the same names in a drawn figure."""

import matplotlib
import pytest
from annotated_types import Le
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from digits.params import PlotParams
from digits.report.sizes import LONGEST_SIDE, text_width
from digits.style import style


def drawn_width(name, fontsize):
    """Inches from the left to the right end of a text in a figure."""
    with style():
        figure = Figure(dpi=600)
        canvas = FigureCanvasAgg(figure)
        text = figure.text(0, 0, name, fontsize=fontsize)
        return text.get_window_extent(canvas.get_renderer()).width / figure.dpi


@pytest.mark.parametrize("fontsize", [5, 12, 20])
@pytest.mark.parametrize("name", ["7", "T-shirt/top", "$1 or 5$", "größer", "W" * 40])
def test_a_name_is_as_wide_as_a_figure_draws_it(name, fontsize):
    assert text_width([name], fontsize) == pytest.approx(drawn_width(name, fontsize), rel=0.05)


def test_the_widest_name_counts_wherever_it_stands():
    names = ["iiiiii", "WWWWW", "i"]
    assert text_width(names) == text_width(reversed(names)) == text_width(["WWWWW"]) > text_width(["iiiiii"])


def test_the_users_own_settings_change_no_width():
    expected = text_width(["seven"])
    with matplotlib.rc_context({"font.family": "monospace", "font.size": 30}):
        assert text_width(["seven"]) == expected


def test_the_longest_side_fits_an_image_at_the_highest_resolution():
    (highest,) = [limit.le for limit in PlotParams.model_fields["dpi"].metadata if isinstance(limit, Le)]
    # Matplotlib refuses images of 2^16 pixels.
    assert LONGEST_SIDE * highest < 2**16
