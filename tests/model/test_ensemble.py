import numpy as np
import pandas as pd
import pytest
from support.tiny import TINY, tiny_params

from digits.params import StudentParams

pytestmark = pytest.mark.slow


def train(data, **changes):
    from digits.model.ensemble import train_model

    epochs = []
    options = tiny_params(**{"epochs": 2, **changes})
    model, training = train_model(options, *data, lambda epoch, logs: epochs.append((epoch, logs["loss"])))
    return model, training, epochs


def student(epochs, **changes):
    shape = TINY.model_dump() | {"filters": [3], "conv_dropout": 0.0, "dense_dropout": 0.0, **changes}
    return StudentParams(epochs=epochs, **shape)


def test_one_network_is_that_of_fit_alone(data):
    import keras

    from digits.model.fit import fit
    from digits.model.network import build_model

    model, training, _ = train(data, seed=5)
    keras.utils.set_random_seed(5)
    alone = build_model(TINY, 10)
    fit(alone, *data, tiny_params(epochs=2, seed=5), lambda epoch, logs: None)
    for ours, its in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(ours, its, atol=1e-5)
    assert len(training.history) == 2 and training.last == training.history.iloc[-1].drop("epoch").to_dict()


def test_an_ensemble_is_the_mean_of_networks_with_seeds_of_their_own(data, tmp_path):
    from digits.model.classifier import KerasClassifier
    from digits.model.keras_file import load_model, save_model

    model, training, epochs = train(data, seed=5, members=3)
    alone = [train(data, seed=seed)[0] for seed in (5, 6, 7)]
    images, labels = data[1]
    answers = [KerasClassifier(one)(images) for one in alone]
    assert np.abs(answers[0] - answers[1]).max() > 0.01
    np.testing.assert_allclose(KerasClassifier(model)(images), np.mean(answers, axis=0), atol=1e-4)
    assert training.history["epoch"].tolist() == [epoch for epoch, _ in epochs] == [1, 2, 3, 4, 5, 6]
    assert training.reason.startswith("3 networks trained; the last: all 2 epochs done")
    # The last row is of the last member, the facts are of the ensemble.
    mean = np.mean(answers, axis=0)
    assert training.last["val_accuracy"] == pytest.approx((mean.argmax(1) == labels.argmax(1)).mean(), abs=1e-6)
    assert training.last["val_loss"] == pytest.approx(-np.log((mean * labels).sum(axis=1)).mean(), abs=1e-3)
    save_model(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(
        KerasClassifier(load_model(tmp_path / "model.keras"))(images), KerasClassifier(model)(images)
    )


def test_an_ensemble_has_a_twin(data, tmp_path):
    from support.tiny import write_model

    from digits.model.classifier import KerasClassifier, TwinClassifier

    model, _, _ = train(data, members=2, epochs=1)
    write_model(model, tmp_path)
    images = data[1][0]
    twin = TwinClassifier(tmp_path / "model.tflite", threads=1)
    np.testing.assert_allclose(twin(images), KerasClassifier(model)(images), atol=1e-5)


@pytest.mark.parametrize("rotation", [0.0, 5.0])
def test_a_student_learns_the_answers_of_its_teacher_and_no_labels(data, rotation):
    from digits.model.classifier import KerasClassifier

    images, labels = data[0]
    # The teacher takes every digit for the next one, which no label says.
    wrong = np.roll(labels, 1, axis=1)
    changes = {"augment": tiny_params().augment.model_copy(update={"rotation": rotation}), "epochs": 12}
    model, training, epochs = train(((images, wrong), data[1]), student=student(12), **changes)
    assert model.layers[2].filters == 3
    assert len(epochs) == len(training.history) == 24
    pd.testing.assert_series_equal(training.history["epoch"], pd.Series(np.arange(1, 25), name="epoch"))
    read = KerasClassifier(model)(data[1][0]).argmax(axis=1)
    assert (read == (data[1][1].argmax(axis=1) + 1) % 10).mean() > 0.5
    assert training.last["val_accuracy"] < 0.2


@pytest.mark.long
def test_the_same_seed_gives_the_same_student(data):
    first, second = (train(data, members=2, student=student(2))[0] for _ in range(2))
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
