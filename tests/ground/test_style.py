import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from digits import style


@settings(deadline=None)
@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_text_contrast_is_at_least_that_of_the_guidelines(colour):
    def luminance(rgb):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    low, high = sorted([luminance(colour), luminance(to_rgb(style.text_colour(colour)))])
    # 4.5:1 is level AA for normal text.
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_png_carries_no_software_and_no_date(tmp_path):
    with style.style():
        figure = Figure(figsize=(2, 1))
    style.save_figure(figure, tmp_path / "new" / "a.png", 100)
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.size == (200, 100)
        assert set(image.info) == {"dpi"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_the_users_own_settings_change_no_byte(tmp_path):
    def draw(name):
        with style.style():
            figure = Figure(figsize=(2, 1))
            figure.subplots().set_title("$1 or 5$")
        style.save_figure(figure, tmp_path / name, 100)
        return (tmp_path / name).read_bytes()

    expected = draw("plain.png")
    with matplotlib.rc_context({"font.size": 30, "savefig.bbox": "tight", "figure.facecolor": "red"}):
        assert draw("own.png") == expected
        assert matplotlib.rcParams["font.size"] == 30


def test_black_and_white_stand_out_from_the_palette():
    assert style.text_colour("white") == "black" and style.text_colour(style.BLACK) == "white"
    assert len(set(style.PALETTE)) == len(style.PALETTE)


@pytest.mark.parametrize("suffix", [".png", ".PNG"])
def test_a_failure_leaves_the_old_picture(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(AttributeError):
        style.save_figure("no figure", path, 100)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
