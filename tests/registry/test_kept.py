"""Which files of a model have to be fetched: those that are missing or have other bytes."""

import pytest

from digits import paths
from digits.files import sha256_file
from digits.registry.kept import kept_file, not_kept


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The hashes of a model and of its twin, both kept."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    (tmp_path / "twin").write_bytes(b"twin")
    (tmp_path / "model").write_bytes(b"model")
    hashes = sha256_file(tmp_path / "model"), sha256_file(tmp_path / "twin")
    file = kept_file(hashes[0])
    file.parent.mkdir(parents=True)
    (tmp_path / "model").rename(file)
    (tmp_path / "twin").rename(file.with_name(paths.TWIN.name))
    return hashes


def test_they_lie_side_by_side_in_the_projects_state(kept, tmp_path):
    assert kept_file(kept[0]) == tmp_path / ".digits" / "models" / kept[0] / "model.keras"
    assert not_kept(*kept) == {} and not_kept(kept[0], None) == {}


@pytest.mark.parametrize("name", ["model.keras", "model.tflite"])
@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_a_file_that_is_missing_or_torn_is_named_with_its_hash(kept, name, damage):
    file = kept_file(kept[0]).with_name(name)
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"")
    assert not_kept(*kept) == {file: kept[name == "model.tflite"]}
    # A model of an earlier version has no twin to miss.
    assert list(not_kept(kept[0], None)) == [file] * (name == "model.keras")
