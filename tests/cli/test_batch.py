"""`digits batch`: its line, its progress and its exit code."""

import json

import numpy as np
import pytest
from support.drawings import page
from typer.testing import CliRunner

from digits.cli.__main__ import app


def batch(*arguments) -> object:
    return CliRunner().invoke(app, ["batch", *map(str, arguments), "--workers", "1"])


@pytest.mark.slow
def test_a_file_of_images(tmp_path, small_model, mnist_sample):
    np.save(tmp_path / "images.npy", mnist_sample.x_test)
    done = batch(tmp_path / "images.npy", tmp_path / "out", "--model", small_model.parent)
    assert done.exit_code == 0, done.output
    assert "read 400 images: 400 digits, " in done.stdout
    assert done.stdout.endswith(f"{tmp_path / 'out'} has 1 files\n")
    again = batch(tmp_path / "images.npy", tmp_path / "out", "--model", small_model.parent)
    assert again.stdout.endswith("has 1 files, 1 of them made before\n")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["complete"]


def test_pictures_that_cannot_be_read_give_exit_code_1(tmp_path, small_model):
    folder = tmp_path / "pictures"
    folder.mkdir()
    page(folder / "good.png")
    (folder / "bad.png").write_text("no picture")
    done = batch(folder, tmp_path / "out", "--model", small_model.parent)
    assert done.exit_code == 1
    assert "read 2 pictures: 2 digits" in done.stdout
    assert done.stderr == "digits: 1 pictures could not be read: column `note` says why\n"
