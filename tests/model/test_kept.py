"""The state of a training: what is written is read, and what is torn is that of a new training."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.tiny import fit_tiny

from digits.model.kept import KeepEpochs, Kept, digest, put, read, state_file, variables, write

pytestmark = pytest.mark.slow
EPOCHS = [{"epoch": 1, "accuracy": 0.1234567890123}, {"epoch": 2, "accuracy": 0.5}]


def test_what_is_written_is_read(tmp_path):
    values = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(3, np.int64), np.zeros(0, np.uint32)]
    write(tmp_path / "state.npz", Kept(EPOCHS, values))
    found = read(tmp_path / "state.npz")
    assert found.epochs == EPOCHS and digest(found.values) == digest(values)
    assert [value.dtype for value in found.values] == [value.dtype for value in values]


@pytest.mark.parametrize("length", [0, 10, -1])
def test_a_torn_file_is_a_new_training(tmp_path, length, capsys):
    file = tmp_path / "state.npz"
    assert read(file) == Kept([], [])
    write(file, Kept(EPOCHS, [np.zeros(3)]))
    file.write_bytes(file.read_bytes()[:length])
    assert read(file) == Kept([], [])
    assert capsys.readouterr().err == f"train: {file} cannot be read: the training begins anew\n"


def test_a_digest_knows_value_shape_and_type():
    values = [np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32), np.zeros((2, 3), np.int32), np.ones((2, 3))]
    assert len({digest([value]) for value in values}) == len(values)


def test_a_model_has_the_state_that_was_put_into_it(data):
    (one, _, _), (other, _, _) = fit_tiny(data, epochs=2), fit_tiny(data, epochs=1)
    state = [variable.numpy() for variable in variables(one)]
    assert digest(state) != digest([variable.numpy() for variable in variables(other)])
    put(other, state)
    assert digest(state) == digest([variable.numpy() for variable in variables(other)])
    with pytest.raises(ValueError, match="shorter"):
        put(other, state[:-1])


def test_each_epoch_is_kept_and_then_reported(tmp_path):
    optimizer = SimpleNamespace(variables=[])
    model = SimpleNamespace(trainable_variables=[], non_trainable_variables=[], optimizer=optimizer)
    reported = []

    def report(epoch, state):
        assert read(state_file(tmp_path, epoch["epoch"])).epochs[-1] == epoch
        reported.append(epoch)

    keep = KeepEpochs(Kept(EPOCHS[:1], []), report, tmp_path)
    keep.set_model(model)
    keep.on_epoch_end(1, {"loss": 0.5})
    # Nothing is to be kept of a loss that is no number.
    keep.on_epoch_end(2, {"loss": float("nan")})
    assert reported == [{"epoch": 2, "loss": 0.5}]
    assert read(state_file(tmp_path, 2)).epochs == [EPOCHS[0], {"epoch": 2, "loss": 0.5}]
    assert not state_file(tmp_path, 3).exists()
