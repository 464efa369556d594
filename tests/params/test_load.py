"""Every mistake in params.yaml gives one line that names the file, the key and what would be right."""

import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.params import FILE, changed_params, raw_params

from digits.errors import DigitsError
from digits.params import flatten, load_params, override, parse_params

TEXT = FILE.read_text(encoding="utf-8")


def refusal(raw):
    with pytest.raises(DigitsError) as caught:
        parse_params(raw)
    message = str(caught.value)
    assert message.startswith("params.yaml: ")
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        ({"train__epoch": 3}, "unknown key train.epoch, did you mean train.epochs?"),
        ({"train__stop__treshold": 0.9}, "unknown key train.stop.treshold, did you mean train.stop.threshold?"),
        ({"trian": {"epochs": 3}}, "unknown key trian, did you mean train?"),
        ({"evaluate__dropout": 1}, "unknown key evaluate.dropout, did you mean train."),
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
        (
            {"preprocess__class_names": ["1e3", 1e3] * 5},
            "1 = 1000.0: input should be a valid string: quote it, as YAML reads",
        ),
        ({"preprocess__class_names": [True, "no"] * 5}, "0 = True: input should be a valid string: quote it"),
        ({"preprocess__class_names": [None] * 10}, "quote it, as YAML reads the bare word as nothing"),
        ({"preprocess__class_names": ["a", ["b"]]}, "preprocess.class_names.1 = ['b']: input should be a valid string"),
        (
            {"preprocess__class_names": [*"012345678", ""]},
            "preprocess.class_names.9 = '': string should have at least 1",
        ),
        ({"preprocess__class_names": [*"012345678", "x" * 101]}, "string should have at most 100 characters"),
        ({"preprocess__class_names": [*"012345678", "a\nb"]}, r"'a\nb' holds something that does not print"),
        (
            {"preprocess__class_names": [*"012345678", "\ud800"]},
            "preprocess.class_names.9 = '\\ud800': input should be",
        ),
        ({"preprocess__class_names": [*"012345678", "a "]}, "preprocess.class_names: 'a ' holds something that"),
        ({"preprocess__class_names": ["one"]}, "preprocess.class_names = ['one']: list should have at least 2 items"),
        (
            {"preprocess__class_names": list("abcdefghij")},
            "evaluate.robustness.load_digits = true reads digits, and preprocess.class_names are not 0 to 9: set it to",
        ),
        (
            {"register__model_name": 7},
            "register.model_name = 7: input should be a valid string: quote it, as YAML reads",
        ),
        ({"validate__side": 1}, "validate.side = 1: input should be greater than or equal to 2"),
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
    raw = changed_params(**{key: value for key, value in mistake.items() if isinstance(key, str)})
    raw |= {key: value for key, value in mistake.items() if not isinstance(key, str)}
    assert expected in refusal(raw)


def test_all_mistakes_are_named_at_once():
    message = refusal(changed_params(train__epochs=0, plot__dpi="high", evalute={}))
    assert all(key in message for key in ("train.epochs", "plot.dpi", "evalute"))


def test_a_renamed_section_is_missing_and_unknown():
    raw = raw_params()
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
@given(st.sampled_from(sorted(flatten(raw_params()))), junk)
def test_junk_at_a_key_is_valid_or_names_the_key(dotted, value):
    raw = changed_params(**{dotted.replace(".", "__"): value})
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


def test_a_wrong_key_is_known_before_heavy_imports():
    heavy = {"tensorflow", "keras", "mlflow", "great_expectations", "pandas", "matplotlib", "sklearn"}
    code = "import sys, digits.params; print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FILE.parent)
    assert not heavy & set(eval(done.stdout))


def test_settings_override_nested_values():
    raw = {"train": {"epochs": 15, "stop": {"mode": "max"}}}
    for setting in ("train.epochs=3", "train.stop.mode=min", "train.model.filters=[8, 16]", "train.learning_rate=1e-3"):
        override(raw, setting)
    assert raw == {
        "train": {"epochs": 3, "stop": {"mode": "min"}, "model": {"filters": [8, 16]}, "learning_rate": 0.001}
    }


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("train.epochs", "--set train.epochs: write section.key=value"),
        ("train.epochs.most=3", "--set train.epochs.most=3: epochs is a value, not a section"),
        ("train.epochs=[1", "--set train.epochs=[1: '[1' is not a YAML value"),
    ],
)
def test_a_setting_of_another_form_is_one_line(setting, expected):
    raw = {"train": {"epochs": 15}}
    with pytest.raises(DigitsError) as caught:
        override(raw, setting)
    assert str(caught.value) == expected and raw == {"train": {"epochs": 15}}


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("1e3", "a number"),
        ("0x1F", "a number"),
        (".5", "a number"),
        ("7", "a number"),
        ("true", "a truth value"),
        ("null", "nothing"),
        ("~", "nothing"),
        ("", "nothing"),
        ("2001-01-31", "a date"),
    ],
)
def test_a_bare_word_is_to_be_quoted_and_quoting_it_helps(tmp_path, word, kind):
    path = tmp_path / "params.yaml"
    text = TEXT.replace("load_digits: true", "load_digits: false")
    names = "['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']"
    assert names in text
    lines = "\n".join(["", *(f"  - 'x{i}'" for i in range(9)), f"  - {word}"])
    path.write_text(text.replace(names, lines), encoding="utf-8")
    with pytest.raises(DigitsError, match=rf"preprocess.class_names.9 = .*: quote it, as YAML .* as {kind}$"):
        load_params(path)
    path.write_text(text.replace(names, lines.replace(f"- {word}", f"- '{word or 'x'}'")), encoding="utf-8")
    assert load_params(path).preprocess.class_names[9] == (word or "x")


@pytest.mark.parametrize("word", ["yes", "no", "off", "a|b", "T-shirt/top", "10:30", "*star", "[x]", "é", "一", "#1"])
def test_any_name_may_be_quoted(word):
    names = [*(f"x{i}" for i in range(9)), word]
    raw = changed_params(preprocess__class_names=names, evaluate__robustness__load_digits=False)
    assert parse_params(raw).preprocess.class_names == names


def test_what_does_not_fit_together_is_named_at_once():
    message = refusal(changed_params(preprocess__class_names=["a", "b"], validate__side=4))
    assert all(key in message for key in ("validate.side", "train.model", "validate.class_shares", "load_digits"))
