"""The schema against params.yaml, and the rules that hold between keys."""

import re

import pytest
from support.params import FILE, changed_params, raw_params
from support.project import ROOT
from support.scikit_digits import SECTION

from digits.errors import DigitsError
from digits.params import Params, flatten, load_params, parse_params, read_params

# Whatever values a user has set in it.
PARAMS = ROOT / "params.yaml"


@pytest.mark.parametrize("path", [PARAMS, FILE], ids=["of the project", "of the tests"])
def test_the_file_is_valid_and_complete(path):
    # No value is converted or left out.
    assert flatten(load_params(path)) == flatten(read_params(path))


def test_every_key_is_explained_in_the_file():
    lines = PARAMS.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        key = line.split(":")[0].strip()
        if not line.strip() or line.lstrip().startswith(("#", "-")) or not line.startswith("  "):
            continue
        around = "\n".join(lines[max(0, number - 22) : number + 1])
        assert "#" in around, f"params.yaml:{number + 1}: {key} has no comment"


def unwrapped(text):
    """The lines of a YAML file, as if DVC wrapped no long value and moved no comment behind it."""
    lines = re.sub(r"\s*\n +(?=[^\s#])(?!- )(?![\w.-]+:)", " ", text).splitlines()
    return [line if len(line) <= 120 else " ".join(line.split()) for line in lines]


def test_dvc_changes_nothing_but_the_value(tmp_path):
    """`dvc exp run -S` writes the file anew. Anything else that it changed would be in every diff."""
    from dvc.utils.serialize import modify_yaml

    text, path = PARAMS.read_text(encoding="utf-8"), tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with modify_yaml(path) as params:
        params["train"]["epochs"] += 1
        epochs = params["train"]["epochs"]
    lines = zip(unwrapped(text), unwrapped(path.read_text(encoding="utf-8")), strict=True)
    (new,) = [after for before, after in lines if before != after]
    assert re.match(rf"  epochs: {epochs}\b", new)


@pytest.mark.parametrize(
    ("model", "side", "ends_in"),
    [
        ({"filters": [8, 8, 8], "kernel_size": 3, "pool_size": 2}, 28, None),  # 28 → 13 → 5 → 1
        ({"filters": [8, 8, 8], "kernel_size": 5, "pool_size": 2}, 28, 3),  # 28 → 12 → 4 → 0
        ({"filters": [8, 8], "kernel_size": 7, "pool_size": 4}, 28, 2),  # 28 → 5 → -1
        ({"filters": [8, 8, 8], "kernel_size": 5, "pool_size": 2}, 64, None),  # 64 → 30 → 13 → 4
        ({"filters": [8, 8, 8], "kernel_size": 3, "pool_size": 2}, 14, 3),  # 14 → 6 → 2 → 0
        ({"filters": [8, 8, 8], "kernel_size": 3, "pool_size": 2, "padding": "same"}, 14, None),  # 14 → 7 → 3 → 1
        ({"filters": [8, 8], "kernel_size": [7, 3], "pool_size": [4, 1]}, 28, None),  # 28 → 5 → 3
        ({"filters": [8, 8], "kernel_size": [7, 3], "pool_size": [4, 4]}, 28, 2),  # 28 → 5 → 0
        ({"filters": [8, 8], "kernel_size": 3, "pool_size": 1, "strides": 3}, 14, None),  # 14 → 4 → 1
        ({"filters": [8, 8], "kernel_size": 3, "pool_size": [1, 2], "strides": 3}, 14, 2),  # 14 → 4 → 0
    ],
)
def test_images_must_survive_the_blocks(model, side, ends_in):
    raw = changed_params(validate__side=side, **{f"train__model__{key}": value for key, value in model.items()})
    if ends_in is None:
        assert parse_params(raw).train.model.filters == model["filters"]
    else:
        of = len(model["filters"])
        with pytest.raises(
            DigitsError, match=rf"block {ends_in} of {of} \(.*\) leaves nothing of a {side}×{side} image"
        ):
            parse_params(raw)


PER_BLOCK = {"kernel_size": 3, "strides": 1, "padding": "same", "pool_size": 2, "batch_norm": True, "residual": 1}


@pytest.mark.parametrize("key", PER_BLOCK)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_has_a_value_for_each_block(key, count):
    with pytest.raises(DigitsError) as refused:
        parse_params(changed_params(**{f"train__model__{key}": [PER_BLOCK[key]] * count}))
    assert f"train.model.{key} is a list of {count} for 2 blocks: write one value for each" in str(refused.value)


@pytest.mark.parametrize("key", PER_BLOCK)
def test_one_value_is_for_all_blocks_and_a_list_for_each(key):
    value = PER_BLOCK[key]
    for written in (value, [value, value]):
        model = parse_params(changed_params(**{f"train__model__{key}": written})).train.model
        assert [model.of_block(key, block) for block in (0, 1)] == [value, value]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("kernel_size", 9, "train.model.kernel_size = 9: input should be less than or equal to 7"),
        ("kernel_size", [3, 9], "train.model.kernel_size.1 = 9: input should be less than or equal to 7"),
        ("strides", "two", "train.model.strides = 'two': input should be a valid integer"),
        ("padding", ["same", "full"], "train.model.padding.1 = 'full': input should be 'valid' or 'same'"),
        ("batch_norm", 1, "train.model.batch_norm = 1: input should be a valid boolean"),
    ],
)
def test_a_wrong_value_of_a_block_is_named_once_by_its_key(key, value, message):
    with pytest.raises(DigitsError) as refused:
        parse_params(changed_params(**{f"train__model__{key}": value}))
    assert str(refused.value) == f"params.yaml: {message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_shares": [0.1] * 9}, r"validate\.class_shares add up to 0\.9000, not to 1"),
        ({"class_shares": [0.5, 0.5]}, r"has 2 shares for the 10 names of preprocess\.class_names"),
        ({"each": {**SECTION["each"], "mean": [90, 25]}}, r"validate\.each\.mean = \[90, 25\]: the lowest comes first"),
        ({"images": {"train": 0, "test": 5}}, r"validate\.images\.train = 0"),
        ({"side": 28.5}, r"validate\.side = 28\.5"),
        ({"max_leak": 0.1}, r"unknown key validate\.max_leak, did you mean validate\.max_leaks"),
    ],
)
def test_impossible_expectations_are_refused(changes, message):
    with pytest.raises(DigitsError, match=message):
        parse_params({**raw_params(), "validate": {**SECTION, **changes}})


def test_flatten_keeps_lists_as_values():
    assert flatten({"a": {"b": 1, "c": [1, {"d": 2}]}, "e": {}}) == {"a.b": 1, "a.c": [1, {"d": 2}]}
    assert "validate.side" in flatten(Params.model_validate(raw_params()))
