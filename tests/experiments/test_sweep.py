"""How settings become trainings."""

import pytest
from support.params import raw_params

from digits.errors import DigitsError
from digits.experiments.sweep import expand


@pytest.fixture(scope="module")
def raw():
    return raw_params()


def test_settings_are_expanded_as_dvc_does(raw):
    assert expand(["train.learning_rate=0.001,0.002", "train.seed=range(1,3)", "train.model.filters=[8,16]"], raw) == [
        [f"train.learning_rate={rate}", f"train.seed={seed}", "train.model.filters=[8,16]"]
        for rate in ("0.001", "0.002")
        for seed in (1, 2)
    ]
    assert raw["train"]["learning_rate"] == 0.001


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.learnin_rate=1,2", "unknown key train.learnin_rate, did you mean train.learning_rate?"),
        ("train.epochs=1,x", "train.epochs = 'x': input should be a valid integer"),
        ("train.epochs", "-S train.epochs: "),
        ("train.model.filters=[1", "-S train.model.filters=[1: "),
        ("plot.dpi=100,200", "only train.… can vary"),
        ("preprocess.seed=1,2", "only train.… can vary"),
        ("train.model.filters=[64,64,64,64],[8]", "train.model.filters = [64, 64, 64, 64]"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(raw, setting, message):
    with pytest.raises(DigitsError) as refused:
        expand([setting], raw)
    assert message in str(refused.value) and "\n" not in str(refused.value)
