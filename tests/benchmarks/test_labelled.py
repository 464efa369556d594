"""Labelled pictures: what counts as read rightly, and what is counted."""

import pytest
from PIL import Image
from support.drawings import classify, page, seven

from benchmarks.labelled import Pictures, agrees, read_labels
from digits.errors import DigitsError
from digits.pictures.read import Reader


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        ("7", "7", True),
        ("1", "7", False),
        ("", "none", True),
        ("7", "none", False),
        ("666", "6*", True),
        ("665", "6*", False),
        ("", "6*", False),
        ("1234567890", "1234567890", True),
    ],
)
def test_a_reading_agrees_with_a_truth(answer, truth, right):
    assert agrees(answer, truth) is right


def test_pictures_are_counted_by_how_many_digits_they_have(tmp_path):
    page(tmp_path / "page.png")
    seven().save(tmp_path / "seven.png")
    Image.new("L", (50, 50), 255).save(tmp_path / "empty.png")
    rows = ["page.png,1 7", "page.png,1 4", "page.png,7", "seven.png,4", "seven.png,1", "empty.png,none", "empty.png,?"]
    (tmp_path / "labels.csv").write_text("\n".join(["file,truth", *rows]))
    # By its shape, this 7 is taken for a 4. It is sure of a 1 with 0.99, of others with 0.8.
    counts = Pictures(tmp_path, 28).counts(Reader(classify, not_sure_below=0.9))
    assert [tuple(row.values()) for row in counts] == [
        ("one", 3, 1, 0, 0, 2),
        ("several", 2, 1, 0, 0, 0),
        ("none", 1, 1, 0, 0, 1),
    ]
    surer = Pictures(tmp_path, 28).counts(Reader(classify, not_sure_below=0.7))
    assert [tuple(row.values()) for row in surer] == [
        ("one", 3, 1, 1, 2, 0),
        ("several", 2, 1, 1, 1, 0),
        ("none", 1, 1, 0, 0, 1),
    ]


def test_labels_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(DigitsError, match=r"there is no labels\.csv with the columns file and truth"):
        read_labels(tmp_path)
    (tmp_path / "labels.csv").write_text("name,digit\n1.png,1\n")
    with pytest.raises(DigitsError, match=r"labels\.csv: the columns file and truth are expected"):
        read_labels(tmp_path)
