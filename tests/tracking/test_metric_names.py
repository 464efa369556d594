"""No two classes share a metric, whatever they are called."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name
from support.figures import FASHION

from digits.tracking.metric_names import metric_names


def test_digits_and_words_stay_as_they_are():
    assert metric_names(list("0123456789")) == list("0123456789")
    assert metric_names(FASHION) == ["T-shirt_top", *FASHION[1:]]


def test_names_that_would_be_alike_have_their_labels():
    names = ["T-shirt/top", "T-shirt_top", "Bag", "A", "a", "|", "*", "é", "e"]
    assert metric_names(names) == [
        "T-shirt_top label 0",
        "T-shirt_top label 1",
        "Bag",
        "A label 3",
        "a label 4",
        "_ label 5",
        "_ label 6",
        "é label 7",
        "e label 8",
    ]


def database_key(name):
    """What MySQL's default collation compares: neither case, nor accents, nor spaces at the end."""
    parts = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c)).rstrip()


SIGNS = st.text(st.sampled_from("aA /\\|*~._-\n1é²ß'\"%:一"), max_size=4)


@given(st.lists(SIGNS | st.text(max_size=6), min_size=1, max_size=40, unique=True))
@example(["a", "A", "a label 0", "A LABEL 1", "a label 0 label 2"])
@example(["", ".", "..", "/", " ", "  "])
@example(["x" * 300, "x" * 300 + "y", "x" * 200])
def test_any_names_stay_apart_and_mlflow_takes_them(names):
    metrics = [f"test_precision/{name}" for name in metric_names(names)]
    assert len({database_key(metric) for metric in metrics}) == len(names)
    for metric in metrics:
        _validate_metric_name(metric)
        assert len(metric) <= 250
