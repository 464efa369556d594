"""The figure that explains a prediction."""

import numpy as np
from PIL import Image
from support.drawings import classify
from support.figures import overhang

from digits.pictures.explanation import draw_explanation, explanation, occlusion_map
from digits.pictures.file import load_picture
from digits.pictures.read import Reader, predict
from digits.style import style

READER = Reader(classify, not_sure_below=0.9)


def test_occlusion_finds_where_the_evidence_is():
    def by_left_upper_corner(pixels: np.ndarray) -> np.ndarray:
        share = 0.1 + 0.8 * (pixels[:, :8, :8].astype(float).mean(axis=(1, 2)) / 255)
        return np.stack([1 - share, share], axis=1)

    fall = occlusion_map(by_left_upper_corner, np.full((28, 28), 255, np.uint8), digit=1)
    assert fall.shape == (28, 28)
    assert fall[:8, :8].min() > 0
    assert np.abs(fall[13:, 13:]).max() == 0


def test_the_figure_has_a_row_for_each_digit(picture):
    with style():
        figure = explanation(picture, predict(picture, READER), READER)
    titles = [axes.get_title(loc="left") for axes in figure.get_axes() if axes.get_title(loc="left")]
    assert titles[0] == "page.png: 1 7?"
    assert titles[1::3] == ["1: what the model saw", "2: what the model saw"]
    assert titles[2::3] == ["1", "7, not sure"]
    assert titles[3::3] == ["Where it looked for 1", "Where it looked for 7"]


def test_a_picture_without_digits_is_explained_too(tmp_path):
    Image.new("L", (300, 200), 255).save(tmp_path / "blank.png")
    picture = load_picture(tmp_path / "blank.png")
    draw_explanation(picture, predict(picture, READER), READER, tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 1000


def test_names_stand_in_the_figure_and_of_many_classes_the_most_probable(picture):
    names = ["Ankle boot of brown leather, worn: $5 or $6 | 7"] + [f"class {label}" for label in range(1, 47)]

    def of_47(pixels):
        probabilities = np.full((len(pixels), 47), 0.001, np.float32)
        probabilities[:, 0], probabilities[:, 46] = 0.6, 0.354
        return probabilities

    reader = Reader(of_47, class_names=names)
    with style():
        figure = explanation(picture, predict(picture, reader), reader)
    assert overhang(figure) <= 0
    titles = [axes.get_title(loc="left") for axes in figure.get_axes()]
    assert "page.png: Ankle boot of b…? Ankle boot of b…?" in titles
    assert "Ankle boot of b…, not sure" in titles
    bars = next(axes for axes in figure.get_axes() if axes.get_title(loc="left").endswith("not sure"))
    shown = [label.get_text() for label in bars.get_yticklabels()]
    assert len(shown) == 12 and shown[0] == "Ankle boot of b…" and shown[-1] == "class 46"
