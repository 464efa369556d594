"""How far the trainings of a search are, by their files."""

import json

import pytest

from digits.experiments.progress import BROKEN, FINISHED, RUNNING, STOPPED, end_rest, progress_of
from digits.files import write_json


def begin(folder, began, epochs=2, **settings):
    write_json(
        folder / "trial.json", {"began": began, "settings": [f"{key}={value}" for key, value in settings.items()]}
    )
    lines = [
        {"epoch": epoch, "seconds": 1.5 * epoch, "val_accuracy": 0.9 + epoch / 100} for epoch in range(1, epochs + 1)
    ]
    # The last line was written half when its process was killed.
    (folder / "epochs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"epoch": 9, "sec')
    return folder


def test_trainings_are_numbered_as_they_began(tmp_path):
    begin(tmp_path / "b", 1.0, rate=0.1)
    begin(tmp_path / "a", 2.0, rate=0.2)
    (tmp_path / "other").mkdir()
    first, second = progress_of(tmp_path)
    assert (first.number, first.name, first.settings) == (1, "b", {"rate": "0.1"})
    assert (second.number, second.name) == (2, "a")


@pytest.mark.parametrize(
    ("end", "status", "accuracy"),
    [(None, RUNNING, 0.92), ("done.json", FINISHED, 0.92), ("ended.json", STOPPED, 0.92), ("failed.json", BROKEN, 0.0)],
)
def test_the_files_tell_the_status(tmp_path, end, status, accuracy):
    folder = begin(tmp_path / "a", 1.0)
    if end:
        write_json(folder / end, {"failed": "too bad"})
    (found,) = progress_of(tmp_path)
    assert (found.status, found.accuracy, found.seconds, len(found.epochs)) == (status, accuracy, 3.0, 2)
    assert found.reason == ("too bad" if status == BROKEN else "")


def test_a_training_that_goes_on_repeats_no_epoch(tmp_path):
    folder = begin(tmp_path / "a", 1.0)
    (folder / "epochs.jsonl").write_text('{"epoch": 1, "val_accuracy": 0.1}\n{"epoch": 1, "val_accuracy": 0.2}\n')
    assert [one["val_accuracy"] for one in progress_of(tmp_path)[0].epochs] == [0.2]


def test_the_rest_can_be_ended(tmp_path):
    begin(tmp_path / "a", 1.0)
    write_json(begin(tmp_path / "b", 2.0) / "done.json", {})
    end_rest(tmp_path)
    assert [one.status for one in progress_of(tmp_path)] == [STOPPED, FINISHED]
