"""The parameters that a search varies."""

import pytest
from support.params import raw_params

from digits.errors import DigitsError
from digits.experiments.space import Range, Space, read_space, settings_of

SPACE = {
    "train.learning_rate": {"low": 0.0005, "high": 0.02, "log": True},
    "train.model.dense_units": {"low": 32, "high": 256, "step": 32},
    "train.batch_size": [16, 32],
    "train.model.filters": [[32, 64], [8]],
}


def test_a_space_that_fits_is_accepted():
    Space(SPACE, "space.yaml").refuse_invalid(raw_params(), "space.yaml")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "space.yaml: the file: "),
        ({}, "no parameter is named"),
        ({"train.epochs": 3}, "train.epochs: "),
        ({"train.epochs": []}, "train.epochs: no choice is given"),
        ({"train.learning_rate": {"low": 1, "high": 1}}, "low must be below high"),
        ({"train.learning_rate": {"low": 0, "high": 1, "log": True}}, "above 0 with log"),
        ({"train.learning_rate": {"low": 1, "high": 9, "log": True, "step": 2}}, "exclude each other"),
        ({"train.learning_rate": {"low": 1, "hihg": 9}}, "train.learning_rate: "),
        ({"train.seed": [1, 2]}, "train.seed: only train.… can vary, and neither the seed nor the workers"),
        ({"preprocess.seed": [1, 2]}, "preprocess.seed: only train.… can vary"),
    ],
)
def test_another_form_is_refused_in_one_line(raw, message):
    with pytest.raises(DigitsError) as refused:
        Space(raw, "space.yaml")
    assert str(refused.value).startswith("space.yaml: ") and message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"train.learnin_rate": [1]}, "unknown key train.learnin_rate, did you mean train.learning_rate?"),
        ({"train.epochs": {"low": 0, "high": 3}}, "train.epochs = 0"),
        ({"train.model.filters": [[8], [64, 64, 64, 64, 64]]}, "train.model"),
    ],
)
def test_what_the_schema_refuses_is_refused(raw, message):
    with pytest.raises(DigitsError, match=f"space.yaml: .*{message}".replace("?", r"\?")):
        Space(raw, "space.yaml").refuse_invalid(raw_params(), "space.yaml")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DigitsError, match="no such file: write a list of choices"):
        read_space(tmp_path / "none.yaml")
    (tmp_path / "space.yaml").write_text("train.batch_size: [16, 32]\n")
    assert read_space(tmp_path / "space.yaml").raw == {"train.batch_size": [16, 32]}


def test_values_come_back_from_their_text_with_their_types():
    space = Space(SPACE, "space.yaml")
    chosen = {
        "train.learning_rate": 0.001,
        "train.model.dense_units": 64,
        "train.batch_size": 32,
        "train.model.filters": "[32,64]",
    }
    assert settings_of({"train.learning_rate": 0.00836904289437607}) == ["train.learning_rate=0.008369"]
    written = dict(one.split("=", 1) for one in settings_of(chosen))
    assert space.values(written) == chosen
    assert type(space.values(written)["train.model.dense_units"]) is int
    assert space.log_keys() == {"train.learning_rate"}


def test_a_range_is_whole_if_all_its_numbers_are():
    assert Range(low=1, high=3).is_whole
    assert not Range(low=1, high=3, step=0.5).is_whole
    assert Range(low=1, high=3).ends == [1, 3]


@pytest.mark.scale
def test_optuna_chooses_within_the_space():
    import optuna

    distributions = Space(SPACE, "space.yaml").distributions()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(50):
        chosen = study.ask(distributions).params
        assert 0.0005 <= chosen["train.learning_rate"] <= 0.02
        assert chosen["train.model.dense_units"] % 32 == 0
        assert chosen["train.batch_size"] in (16, 32)
        assert chosen["train.model.filters"] in ("[32,64]", "[8]")
