import numpy as np
import pytest
from support.tiny import fit_tiny

from digits.errors import DigitsError
from digits.model.keras_file import load_model, save_model

pytestmark = pytest.mark.slow


def run_callback(monitor, threshold, mode, values):
    """The epoch (from 1) at which the callback stops a model whose metric takes these values; None if never."""
    from types import SimpleNamespace

    from digits.model.fit import MetricThreshold

    callback = MetricThreshold(monitor, threshold, mode)
    callback.set_model(SimpleNamespace(stop_training=False))
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {monitor: value})
        if callback.model.stop_training:
            return epoch + 1, callback.reason
    return None, callback.reason


def test_the_seeds_history_stops_at_its_seventh_epoch():
    values = [0.9023, 0.9626, 0.9712, 0.9743, 0.9774, 0.9798, 0.9805]
    assert run_callback("accuracy", 0.98, "max", values) == (7, "accuracy 0.9805 > 0.98 after epoch 7")


@pytest.mark.parametrize(
    ("mode", "values", "epoch"),
    [
        ("max", [0.4, 0.5, 0.5], None),  # equality is not enough
        ("max", [0.4, 0.51, 0.4], 2),
        ("min", [0.6, 0.5, 0.5], None),
        ("min", [0.6, 0.49, 0.6], 2),
        ("max", [0.4, float("nan"), 0.6], 3),
        ("max", [], None),
    ],
)
def test_the_first_epoch_beyond_the_threshold_ends_training(mode, values, epoch):
    assert run_callback("val_loss", 0.5, mode, values)[0] == epoch


def test_training_is_stopped_by_the_callback(data):
    _, training, epochs = fit_tiny(data, "val_loss", 100.0, "min")
    assert training.stopped and len(training.history) == 1
    value = training.history["val_loss"].iloc[0]
    assert training.reason == f"val_loss {value:.4f} < 100.0 after epoch 1"
    assert [epoch for epoch, _ in epochs] == [1]


def test_a_training_goes_on_from_its_backup(data, tmp_path):
    _, whole, _ = fit_tiny(data, epochs=3)
    fit_tiny(data, epochs=2, backup=tmp_path / "backup")
    _, rest, epochs = fit_tiny(data, epochs=3, backup=tmp_path / "backup")
    assert rest.history["epoch"].tolist() == [3] == [epoch for epoch, _ in epochs]
    # It had learned: other random numbers are all that the break has changed.
    assert rest.last["val_loss"] < whole.history["val_loss"].iloc[1]
    assert (tmp_path / "backup").is_dir()


def test_history_has_one_row_per_epoch(data):
    _, training, epochs = fit_tiny(data)
    assert not training.stopped and "all 3 epochs done" in training.reason
    assert training.history["epoch"].tolist() == [1, 2, 3] == [epoch for epoch, _ in epochs]
    assert sorted(training.history) == ["accuracy", "epoch", "loss", "val_accuracy", "val_loss"]
    np.testing.assert_allclose(training.history["loss"], [logs["loss"] for _, logs in epochs], atol=1e-6)
    # It learns: chance is 0.1 and ln 10.
    assert training.history["loss"].iloc[-1] < training.history["loss"].iloc[0] < 3


def test_an_unknown_monitor_lists_those_that_exist(data):
    with pytest.raises(DigitsError, match=r"train.stop.monitor = acc: .* accuracy, loss, val_accuracy, val_loss$"):
        fit_tiny(data, "acc")


def test_a_loss_that_is_no_number_is_an_error(data):
    images, labels = data[0]
    broken = labels.copy()
    broken[3] = np.nan
    with pytest.raises(DigitsError, match=r"not a number any more with train.learning_rate = 0.01: try a smaller"):
        fit_tiny([(images, broken), data[1]])


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "nadam", "rmsprop", "sgd"])
def test_every_optimizer_takes_the_learning_rate(data, optimizer):
    model, *_ = fit_tiny(data, optimizer=optimizer, epochs=1, learning_rate=0.003)
    assert type(model.optimizer).__name__.lower() == optimizer
    assert float(model.optimizer.learning_rate) == pytest.approx(0.003)


def test_a_constant_rate_is_a_number(data):
    """A schedule would be in the file of the model."""
    model, *_ = fit_tiny(data, epochs=1)
    assert model.optimizer.get_config()["learning_rate"] == pytest.approx(0.01)


def test_a_cosine_rises_for_a_quarter_of_all_steps_and_ends_at_nothing(data, tmp_path):
    # 200 images in batches of 50, 3 epochs: 12 steps.
    model, training, _ = fit_tiny(data, schedule="cosine")
    assert int(model.optimizer.iterations) == 12
    rates = [float(model.optimizer._learning_rate(step)) for step in range(13)]
    assert rates[0] == pytest.approx(0.001) and rates[3] == max(rates) == pytest.approx(0.01)
    assert rates[:4] == sorted(rates[:4]) and rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[12] == pytest.approx(0, abs=1e-9)
    # Half-way down it is the half.
    assert (rates[7] + rates[8]) / 2 == pytest.approx(0.005, rel=0.01)
    assert training.history["loss"].iloc[-1] < training.history["loss"].iloc[0]
    # The file has the schedule, and is read in safe mode.
    save_model(model, tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert float(again.optimizer._learning_rate(3)) == pytest.approx(0.01)


@pytest.mark.parametrize("batch_size", [200, 1000])
def test_a_cosine_of_a_single_step_trains(data, batch_size):
    model, training, _ = fit_tiny(data, schedule="cosine", epochs=1, batch_size=batch_size)
    assert int(model.optimizer.iterations) == 1 and len(training.history) == 1


@pytest.mark.parametrize(("optimizer", "takes"), [("adam", True), ("adamw", True), ("nadam", True), ("sgd", False)])
def test_beta_2_is_for_the_optimizers_that_have_it(data, optimizer, takes):
    model, *_ = fit_tiny(data, optimizer=optimizer, epochs=1, beta_2=0.95)
    assert model.optimizer.get_config().get("beta_2") == (0.95 if takes else None)


def test_steps_at_a_time_change_nothing_but_the_time(data, monkeypatch):
    together, *_ = fit_tiny(data)
    monkeypatch.setattr("digits.model.fit._STEPS_AT_A_TIME", 1)
    single, *_ = fit_tiny(data)
    for one, other in zip(together.get_weights(), single.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
