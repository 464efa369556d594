"""One network by several processes: the refusals, and with JAX two real workers, one of them killed."""

import os
import re
import signal

import numpy as np
import psutil
import pytest
from support.nodes import listening_elsewhere, two_nodes
from support.params import changed_params
from support.processes import words_of
from support.stored import store_sample
from support.tiny import TINY, tiny_params

from digits import paths
from digits.errors import DigitsError
from digits.files import sha256_file
from digits.params import parse_params

EPOCHS = 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 33}, "train.batch_size = 33 has no equal shares for train.workers = 2: choose a multiple"),
        ({"members": 2}, "train.workers = 2 train a single network: set train.members to 1 and train.student.epochs"),
        ({"student__epochs": 1}, "train.workers = 2 train a single network"),
        ({"workers": 65}, "train.workers = 65: input should be less than or equal to 64"),
    ],
)
def test_what_several_workers_cannot_do_is_refused_before_any_stage(changes, message):
    values = {f"train__{key}": value for key, value in ({"workers": 2} | changes).items()}
    with pytest.raises(DigitsError, match=re.escape(message)):
        parse_params(changed_params(**values))
    assert parse_params(changed_params(train__workers=4)).train.workers == 4


@pytest.fixture
def train(folder, mnist_sample):
    """A function that trains with two workers, in a project of its own; returns the model and the training."""
    import keras

    from digits.model.parallel import train_together

    data = store_sample(mnist_sample, folder)

    def begin(on_epoch=lambda *_: None, address="", **changes):
        # The names of layers stand in the file, and begin at 1 in a fresh process.
        keras.backend.clear_session()
        shape = TINY.model_copy(update={"filters": [8, 16], "dense_units": 32})
        params = tiny_params(model=shape, epochs=EPOCHS, workers=2, threads=1, batch_size=20, **changes)
        return train_together(params, *data, on_epoch, address)

    return begin


def test_too_few_images_for_so_many_workers(folder, mnist_sample):
    from digits.model.parallel import train_together

    data = store_sample(mnist_sample, folder, train=3)
    with pytest.raises(DigitsError, match=r"train.workers = 4: there are too few images for so many"):
        train_together(tiny_params(workers=4, batch_size=4), *data, lambda *_: None)


@pytest.mark.scale
def test_a_killed_worker_ends_the_others_and_a_restart_goes_on(train, folder, mnist_sample, capsys):
    """The restart ends with the same bytes as a training that nobody interrupted."""
    from digits.model.keras_file import load_model, save_model

    whole, seen = [], []

    def watch(epoch, logs):
        whole.append((epoch, logs))
        # In the middle of it all connections are there.
        seen.extend(one for child in psutil.Process().children() for one in child.net_connections(kind="tcp"))
        assert listening_elsewhere() == []

    model, training = train(watch)
    addresses = {one.laddr.ip.removeprefix("::ffff:") for one in seen if one.status == psutil.CONN_LISTEN}
    assert addresses == {"127.0.0.1"}
    assert training.history["epoch"].tolist() == list(range(1, EPOCHS + 1)) == [epoch for epoch, _ in whole]
    assert list((paths.state() / "parallel").glob("*/")) == []
    save_model(model, folder / "whole.keras")
    probabilities = load_model(folder / "whole.keras")(mnist_sample.x_test)
    assert (np.asarray(probabilities).argmax(axis=1) == mnist_sample.y_test).mean() > 0.85

    def kill(epoch, _):
        if epoch == 2:
            (second,) = (one for one in psutil.Process().children() if words_of(one)[-2:-1] == ["1"])
            os.kill(second.pid, signal.SIGKILL)

    # Python's own, of another test.
    before = set(psutil.Process().children())
    with pytest.raises(
        DigitsError, match=r"worker 2 of 2 was killed \(SIGKILL\), and the others ended: .* after epoch"
    ):
        train(kill)
    assert set(psutil.Process().children()) <= before

    epochs = []
    capsys.readouterr()
    model, again = train(lambda epoch, logs: epochs.append((epoch, logs)))
    assert re.match(r"train: goes on after epoch [2-4]\n", capsys.readouterr().out)
    assert epochs == whole and again.history.equals(training.history)
    save_model(model, folder / "again.keras")
    assert sha256_file(folder / "again.keras") == sha256_file(folder / "whole.keras")


@pytest.mark.scale
def test_on_two_nodes_it_gives_the_same_bytes_also_after_one_of_them_died(train, folder, monkeypatch):
    from digits.model.keras_file import save_model

    model, training = train()
    save_model(model, folder / "here.keras")
    with two_nodes() as nodes:
        for name, value in nodes.settings.items():
            monkeypatch.setenv(name, value)

        def kill(epoch, _):
            if epoch == 2:
                assert listening_elsewhere() == []
                nodes.kill_one()

        with pytest.raises(DigitsError, match=r"worker [12] of 2 was killed \(SIGKILL\), .* after epoch"):
            train(kill, nodes.address)
    with two_nodes() as nodes:
        model, again = train(address=nodes.address)
    assert again.history.equals(training.history)
    save_model(model, folder / "there.keras")
    assert sha256_file(folder / "there.keras") == sha256_file(folder / "here.keras")


@pytest.mark.scale
def test_the_threshold_ends_it(train):
    _, training = train(stop=tiny_params("val_loss", 100.0, "min").stop)
    assert training.stopped and len(training.history) == 1
    assert training.reason == f"val_loss {training.last['val_loss']:.4f} < 100.0 after epoch 1"


@pytest.mark.scale
def test_a_state_belongs_to_parameters_and_data(folder, mnist_sample):
    from digits.model.parallel import identity

    data, params = store_sample(mnist_sample, folder), tiny_params(workers=2)
    (folder / "other").mkdir()
    other = store_sample(mnist_sample, folder / "other", train=700)
    assert identity(params, *data) == identity(params.model_copy(), *data)
    changed = [params.model_copy(update={"seed": 1}), params.model_copy(update={"workers": 4})]
    assert len({identity(params, *data), identity(params, *other), *(identity(one, *data) for one in changed)}) == 4
