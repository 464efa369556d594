"""Every mistake in params.yaml gives one line that names the file, the key and what would be right."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from digits.errors import DigitsError
from digits.params import Params, flatten, load_params, parse_params

FILE = Path(__file__).parents[1] / "params.yaml"
TEXT = FILE.read_text(encoding="utf-8")
RAW = YAML(typ="safe").load(TEXT)


def changed(**values):
    """params.yaml with some values changed; `train__stop__mode` is `train.stop.mode`, `...` removes the key."""
    raw = copy.deepcopy(RAW)
    for dotted, value in values.items():
        *sections, key = dotted.split("__")
        place = raw
        for section in sections:
            place = place[section]
        if value is ...:
            del place[key]
        else:
            place[key] = value
    return raw


def refusal(raw):
    with pytest.raises(DigitsError) as caught:
        parse_params(raw)
    message = str(caught.value)
    assert message.startswith("params.yaml: ")
    assert len(message.splitlines()) == 1
    return message


def test_the_default_file_is_valid_and_complete():
    params = load_params(FILE)
    assert params.train.epochs == 15 and params.validate_.images.train == 60000
    # Nothing is converted or left out on the way.
    assert flatten(params) == flatten(RAW)


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        ({"train__epoch": 3}, "unknown key train.epoch, did you mean train.epochs?"),
        ({"train__stop__treshold": 0.9}, "unknown key train.stop.treshold, did you mean train.stop.threshold?"),
        ({"trian": {"epochs": 3}}, "unknown key trian, did you mean train?"),
        ({"evaluate__dropout": 1}, "unknown key evaluate.dropout, did you mean train.model"),
        ({"batch_size": 32}, "unknown key batch_size, did you mean"),
        ({"plot__zzzzzz": 1}, "unknown key plot.zzzzzz: remove it"),
        ({"train__epochs": ...}, "train.epochs is missing"),
        ({"register": ...}, "register is missing"),
        ({"train__epochs": "3"}, "train.epochs = '3': input should be a valid integer"),
        ({"train__epochs": 3.0}, "train.epochs = 3.0: input should be a valid integer"),
        ({"train__epochs": True}, "train.epochs = True: input should be a valid integer"),
        ({"train__learning_rate": True}, "train.learning_rate = True: input should be a valid number"),
        ({"train__learning_rate": "1e-3"}, "train.learning_rate = '1e-3': input should be a valid number"),
        ({"train__epochs": 0}, "train.epochs = 0: input should be greater than or equal to 1"),
        ({"train__learning_rate": 0}, "train.learning_rate = 0: input should be greater than 0"),
        ({"train__learning_rate": float("nan")}, "train.learning_rate = nan: input should be a finite number"),
        ({"train__stop__threshold": float("inf")}, "train.stop.threshold = inf: input should be a finite number"),
        ({"validate__each__mean": [float("nan"), 3.0]}, "validate.each.mean.0 = nan: input should be a finite number"),
        ({"preprocess__validation_split": 1.0}, "preprocess.validation_split = 1.0: input should be less than 1"),
        ({"preprocess__seed": 2**32}, "preprocess.seed = 4294967296: input should be less than"),
        ({"preprocess__split": "random"}, "preprocess.split = 'random': input should be 'stratified' or 'last'"),
        ({"preprocess__class_names": list(range(10))}, "preprocess.class_names.0 = 0: input should be a valid string"),
        ({"preprocess__class_names": ["a"] * 10}, "preprocess.class_names: 'a' names more than one class"),
        ({"train__stop__monitor": "acc"}, "train.stop.monitor = 'acc': input should be 'accuracy', 'loss'"),
        ({"train": 3}, "train = 3: "),
        ({"fetch__sources": []}, "fetch.sources = []: list should have at least 1 item"),
        ({"fetch__sources": [{"kind": "ftp"}]}, "fetch.sources.0"),
        ({"fetch__sources": [{"kind": "npz", "url": "ftp://h/x"}]}, "fetch.sources.0.npz.url = 'ftp://h/x'"),
        (
            {"fetch__sources": [{"kind": "folder", "pth": "data"}]},
            "unknown key fetch.sources.0.folder.pth, did you mean fetch.sources.0.folder.path?",
        ),
        ({"fetch__files__train_images__sha256": "abc"}, "fetch.files.train_images.sha256 = 'abc': string should match"),
        ({"fetch__files__train_images__name": "../x"}, "fetch.files.train_images.name = '../x': string should match"),
        ({"validate__each__mean": [9, 4]}, "validate.each.mean = [9, 4]: the lowest comes first"),
        ({"validate__class_shares": [0.2] * 10}, "validate.class_shares add up to 2.0000, not to 1"),
        ({"validate__class_shares": [0.5, 0.5]}, "validate.class_shares has 2 shares for the 10 names"),
        ({3: 4}, "3"),
        ({"two\nlines": 1}, "unknown key two lines"),
    ],
    ids=str,
)
def test_each_mistake_is_one_line(mistake, expected):
    raw = changed(**{key: value for key, value in mistake.items() if isinstance(key, str)})
    raw |= {key: value for key, value in mistake.items() if not isinstance(key, str)}
    assert expected in refusal(raw)


def test_all_mistakes_are_named_at_once():
    message = refusal(changed(train__epochs=0, plot__dpi="high", evalute={}))
    assert all(key in message for key in ("train.epochs", "plot.dpi", "evalute"))


def test_a_renamed_section_is_missing_and_unknown():
    raw = copy.deepcopy(RAW)
    raw["trian"] = raw.pop("train")
    message = refusal(raw)
    assert "train is missing" in message and "unknown key trian, did you mean train?" in message


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("1E-3", 1e-3), ("1", 1), (".5", 0.5), ("2.5e0", 2.5)])
def test_numbers_are_those_of_yaml_1_2(tmp_path, text, value):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("learning_rate: 0.001", f"learning_rate: {text}"), encoding="utf-8")
    assert load_params(path).train.learning_rate == value


@pytest.mark.parametrize("text", ["no", "off", "yes"])
def test_words_are_no_booleans(tmp_path, text):
    # As in YAML 1.2, and as DVC reads it.
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("transpose: false", f"transpose: {text}"), encoding="utf-8")
    with pytest.raises(DigitsError, match=f"preprocess.transpose = '{text}'"):
        load_params(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "a mapping of sections is expected, not NoneType"),
        ("- 1", "a mapping of sections is expected, not list"),
        ("train: [", "is not valid YAML"),
        ("train: 1\ntrain: 2", "is not valid YAML"),
        ("train: !!python/object:os.system {}", "is not valid YAML"),
        ("day: 2001-99-99", "is not valid YAML"),
        ("number: " + "9" * 5000, "is not valid YAML"),
        ("a: \xff\x00", "is not valid YAML"),
    ],
    ids=["empty", "list", "syntax", "duplicate", "python", "date", "long number", "control character"],
)
def test_files_that_are_no_params(tmp_path, content, expected):
    path = tmp_path / "params.yaml"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(DigitsError) as caught:
        load_params(path)
    message = str(caught.value)
    assert expected in message and str(path) in message and len(message.splitlines()) == 1


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(DigitsError, match=r"params.yaml is missing: run from the project's folder"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("model", "side", "fits"),
    [
        ({"filters": [8, 8, 8], "kernel_size": 3, "pool_size": 2}, 28, True),  # 28 → 13 → 5 → 1
        ({"filters": [8, 8, 8], "kernel_size": 5, "pool_size": 2}, 28, False),  # 28 → 12 → 4 → 0
        ({"filters": [8, 8], "kernel_size": 7, "pool_size": 4}, 28, False),  # 28 → 5 → -1
        ({"filters": [8, 8, 8], "kernel_size": 5, "pool_size": 2}, 64, True),  # 64 → 30 → 13 → 4
        ({"filters": [8, 8, 8], "kernel_size": 3, "pool_size": 2}, 14, False),  # 14 → 6 → 2 → 0
    ],
)
def test_images_must_survive_pooling(model, side, fits):
    raw = changed(validate__side=side, **{f"train__model__{key}": value for key, value in model.items()})
    if fits:
        assert parse_params(raw).train.model.filters == model["filters"]
    else:
        assert f"leave nothing of a {side}×{side} image" in refusal(raw)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@given(junk)
@example({"fetch": {"sources": [{"kind": ["npz"]}]}})
def test_junk_is_refused_in_one_line(raw):
    with pytest.raises(DigitsError) as caught:
        parse_params(raw)
    assert len(str(caught.value).splitlines()) == 1


@settings(deadline=None)
@given(st.sampled_from(sorted(flatten(RAW))), junk)
def test_junk_at_a_key_is_valid_or_names_the_key(dotted, value):
    raw = changed(**{dotted.replace(".", "__"): value})
    try:
        params = parse_params(raw)
    except DigitsError as error:
        assert len(str(error).splitlines()) == 1
        # The shares are checked as a whole, against the names as well.
        assert dotted in str(error) or dotted.rsplit(".", 1)[0] in str(error)
    else:
        assert flatten(params)[dotted] == value


@settings(deadline=None, max_examples=50)
@given(text=st.text(alphabet="abc:[]{}&*!|>'\"%@`-?# \n\t0123.,~_é\x00", max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DigitsError) as caught:
        load_params(path)
    assert len(str(caught.value).splitlines()) == 1


def test_every_key_is_explained_in_the_file():
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        key = line.split(":")[0].strip()
        if not line.strip() or line.lstrip().startswith(("#", "-")) or not line.startswith("  "):
            continue
        around = "\n".join(lines[max(0, number - 22) : number + 1])
        assert "#" in around, f"params.yaml:{number + 1}: {key} has no comment"


def test_a_wrong_key_is_known_before_heavy_imports():
    heavy = {"tensorflow", "keras", "mlflow", "great_expectations", "pandas", "matplotlib", "sklearn"}
    code = "import sys, digits.params; print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FILE.parent)
    assert not heavy & set(eval(done.stdout))


def test_flatten_keeps_lists_as_values():
    assert flatten({"a": {"b": 1, "c": [1, {"d": 2}]}, "e": {}}) == {"a.b": 1, "a.c": [1, {"d": 2}]}
    assert "validate.side" in flatten(Params.model_validate(RAW))


def test_dvc_changes_nothing_but_the_value(tmp_path):
    """`dvc exp run -S` writes the file anew: what it would write otherwise would be in every diff."""
    from dvc.utils.serialize import modify_yaml

    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    with modify_yaml(path) as params:
        params["train"]["epochs"] = 3
    lines = zip(TEXT.splitlines(), path.read_text().splitlines(), strict=True)
    (new,) = [after for before, after in lines if before != after]
    assert new.startswith("  epochs: 3 ")
