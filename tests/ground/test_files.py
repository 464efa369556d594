import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from digits.errors import DigitsError
from digits.files import atomic_path, read_json, sha256_file, write_json, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends_well(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with atomic_path(path) as part:
        part.write_text("whole")
        assert not path.exists()
        assert part.suffix == ".txt"
    assert path.read_text() == "whole" and names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_path(path) as part:
        part.write_text("hal")
        raise error
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def make(folder, *files):
    folder.mkdir()
    for file in files:
        (folder / file).write_text(file)


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    make(tmp_path / "out", "old", "both")
    with atomic_path(tmp_path / "out") as part:
        make(part, "both", "new")
        assert names(tmp_path / "out") == ["both", "old"]
    assert names(tmp_path / "out") == ["both", "new"] and names(tmp_path) == ["out"]


def test_a_failure_leaves_the_old_folder_and_no_litter(tmp_path):
    make(tmp_path / "out", "old")
    with pytest.raises(ValueError), atomic_path(tmp_path / "out") as part:
        make(part, "new")
        raise ValueError
    assert names(tmp_path / "out") == ["old"] and names(tmp_path) == ["out"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_block_that_writes_nothing_fails_and_leaves_the_old(tmp_path, kind):
    old = tmp_path / "out"
    make(old, "old") if kind == "folder" else old.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_path(old):
        pass
    assert names(tmp_path) == ["out"] and (old.is_dir() if kind == "folder" else old.read_text() == "old")


def test_a_file_never_takes_a_folders_place(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(IsADirectoryError) as refused:
        write_text(tmp_path / "out", "a file now")
    assert refused.value.filename == str(tmp_path / "out")
    assert names(tmp_path) == ["out"] and (tmp_path / "out" / "mine").read_text() == "mine"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_json_round_trip(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    first = path.read_bytes()
    assert read_json(path) == value and first.endswith(b"\n")
    write_json(path, read_json(path))
    assert path.read_bytes() == first


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_without_nan_and_the_old_file_stays(tmp_path, value):
    write_json(tmp_path / "a.json", {"loss": 1})
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"loss": value})
    assert read_json(tmp_path / "a.json") == {"loss": 1}


def test_json_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(DigitsError, match=r"a.json is missing: run `dvc repro` to make it, or `dvc checkout`"):
        read_json(tmp_path / "a.json")
    for content in (b"{", b"\xff\xfe"):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(DigitsError, match=r"a.json cannot be read \(.*\): `dvc repro` makes it anew$"):
            read_json(tmp_path / "a.json")


class Shape(BaseModel):
    class Test(BaseModel):
        n: int

    test: Test


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "a mapping is expected"),
        ('{"test": 3}', "test: a mapping is expected"),
        ('{"test": {}}', "test.n: Field required"),
        ('{"test": {"n": "3"}}', "test.n: Input should be a valid integer"),
        ("<<<<<<< HEAD\n{}\n", "conflict markers of a git merge"),
    ],
)
def test_json_of_another_shape_is_one_line_that_names_the_key(tmp_path, monkeypatch, content, reason):
    monkeypatch.chdir(tmp_path)
    write_text("a.json", content)
    with pytest.raises(DigitsError) as caught:
        read_json("a.json", Shape)
    assert str(caught.value) == f"a.json cannot be read ({reason}): `dvc repro` makes it anew"
    with pytest.raises(DigitsError, match=r"^the note cannot be read \(.*\): away with it$"):
        read_json("a.json", Shape, "away with it", "the note")
    write_text("dvc.lock", "<<<<<<< HEAD\n")
    with pytest.raises(DigitsError, match=r"`git checkout --ours dvc.lock && dvc repro` makes it anew$"):
        read_json("a.json", Shape)
    write_text("a.json", '{"test": {"n": 3, "other": 1}}')
    assert read_json("a.json", Shape) == {"test": {"n": 3, "other": 1}}


def test_sha256_is_that_of_the_standard(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_file(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
