"""The stage on scikit-learn's digits: real handwriting, another data set by parameters alone."""

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from sklearn.datasets import load_digits

from digits.errors import DigitsError
from digits.expectations import describe, run
from digits.idx import format_idx
from digits.params import ValidateParams, load_params, parse_params
from digits.raw import FILES, Split
from stages import validate

ROOT = Path(__file__).parents[1]
TRAIN, TEST = 1400, 397
# As in params.yaml: what these 1,797 images show, and a margin.
SECTION = {
    "side": 28,
    "images": {"train": TRAIN, "test": TEST},
    "class_shares": [0.1] * 10,
    "class_tolerance": 0.01,  # largest: 0.0036
    "max_duplicates": 0.0,
    "max_leaks": 0.0,
    "min_agreement": 0.8,  # 0.918, 0.856
    "each": {
        "min": [0, 0],
        "max": [200, 255],  # 224 to 255
        "mean": [25, 90],  # 34 to 79
        "area": [0.15, 0.55],  # 0.18 to 0.48
        "x": [9, 18],  # 10.7 to 17.0
        "y": [9, 18],  # 10.0 to 17.0
        "width": [6, 24],  # 6 to 24
        "height": [24, 24],
    },
    "average": {
        "mean": [55, 60],  # 57.4, 57.2
        "area": [0.35, 0.4],  # 0.376, 0.372
        "x": [13.4, 14],  # 13.72, 13.63
        "y": [13.2, 13.7],  # 13.45, 13.43
    },
}


@pytest.fixture(scope="module")
def data():
    """Each pixel of the 8×8 pictures as 3×3, within a margin of 2: 28×28, light on dark."""
    digits = load_digits()
    large = np.pad(np.kron(digits.images, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2)))
    images, labels = np.minimum(large * 16, 255).astype(np.uint8), digits.target.astype(np.uint8)
    return {"train": Split(images[:TRAIN], labels[:TRAIN]), "test": Split(images[TRAIN:], labels[TRAIN:])}


@pytest.fixture
def copy(data):
    """The same, free to be spoilt."""
    return {name: Split(split.images.copy(), split.labels.copy()) for name, split in data.items()}


def params(**changes):
    return ValidateParams.model_validate({**SECTION, **changes})


def failures(splits, section=None):
    """The failed checks as {(table, expectation): (number of unexpected rows, the first of them)}."""
    checks = run(describe(splits, section or params()))
    return {(c.table, c.expectation): (c.unexpected, c.rows) for c in checks if not c.success}


def test_good_data_passes(data):
    checks = run(describe(data, params()))
    assert all(check.success for check in checks)
    assert len({(check.table, check.expectation) for check in checks}) == len(checks) == 38
    by_name = {f"{check.table}: {check.expectation}": check for check in checks}
    assert by_name["train images: number of images"].observed == "1,400"
    assert by_name["test images: brightest pixel"].observed == "224 … 255"
    assert by_name["train images: label"].allowed == by_name["train images: label"].observed == "0 … 9"
    assert by_name["test images: leaks"].observed == "none with a training twin"


def test_a_blank_image(copy):
    copy["train"].images[7] = 0
    assert failures(copy) == {
        ("train images", feature): (1, [7])
        for feature in ("brightest pixel", "mean ink", "ink area", "width of the ink", "height of the ink")
    }


def test_an_inverted_picture(copy):
    copy["test"].images[3] = 255 - copy["test"].images[3]
    found = failures(copy)
    assert found["test images", "mean ink"] == found["test images", "ink area"] == (1, [3])
    assert {table for table, _ in found} == {"test images"}


def test_an_inverted_data_set(copy):
    spoilt = {name: Split(255 - split.images, split.labels) for name, split in copy.items()}
    found = failures(spoilt)
    assert found["train images", "mean ink"] == (TRAIN, list(range(10)))
    assert found["test images", "mean ink"] == (TEST, list(range(10)))


def test_shifted_pictures(copy):
    copy["test"].images[:] = np.roll(copy["test"].images, 2, axis=2)
    assert ("test images", "average centre of mass x") in failures(copy)


def test_pixels_divided_by_255(copy):
    copy["train"].images[:] = copy["train"].images // 255
    found = failures(copy)
    assert found["train images", "brightest pixel"] == (TRAIN, list(range(10)))
    assert ("test images", "brightest pixel") not in found


def test_a_duplicate_names_both_rows(copy):
    copy["train"].images[30], copy["train"].labels[30] = copy["train"].images[11], copy["train"].labels[11]
    assert failures(copy) == {("train images", "duplicates"): (2, [11, 30])}
    assert failures(copy, params(max_duplicates=2 / TRAIN)) == {}


def test_a_leak_names_the_test_row(copy):
    copy["test"].images[5], copy["test"].labels[5] = copy["train"].images[300], copy["train"].labels[300]
    (check,) = (c for c in run(describe(copy, params())) if not c.success)
    assert (check.table, check.expectation, check.key, check.rows) == ("test images", "leaks", "row", [5])
    assert (check.observed, check.allowed) == ("1 with a training twin", "none with a training twin")
    assert failures(copy, params(max_leaks=0.01)) == {}


def test_a_label_out_of_range(copy):
    copy["train"].labels[20] = 10
    assert failures(copy) == {("train images", "label"): (1, [20])}


def test_a_wrong_class_balance_names_the_class(copy):
    labels = copy["train"].labels
    labels[np.flatnonzero(labels == 4)[:20]] = 7
    assert failures(copy) == {("train classes", "class share, less the declared one"): (2, [4, 7])}


def test_shuffled_labels(copy):
    copy["test"].labels[:] = np.random.default_rng(0).permutation(copy["test"].labels)
    assert failures(copy) == {("files", "labels fit images"): (1, ["test"])}


def test_missing_images(copy):
    copy["test"] = Split(copy["test"].images[:-1], copy["test"].labels[:-1])
    assert failures(copy) == {("test images", "number of images"): (None, [])}


def test_another_size(data):
    cut = {name: Split(split.images[:, 2:-2, 2:], split.labels) for name, split in data.items()}
    found = failures(cut)
    assert found["files", "image height"] == found["files", "image width"] == (2, ["train", "test"])


def test_other_types(data):
    wide = {name: Split(split.images.astype(np.uint16), split.labels) for name, split in data.items()}
    assert failures(wide) == {("files", "pixel type"): (2, ["train", "test"])}


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
def test_parameters_that_cannot_be_are_refused(changes, message):
    raw = load_params(ROOT / "params.yaml").model_dump(by_alias=True)
    with pytest.raises(DigitsError, match=message):
        parse_params({**raw, "validate": {**SECTION, **changes}})


def write(folder, splits):
    """data/raw and params.yaml, as the stage finds them."""
    yaml = YAML()
    raw = yaml.load(ROOT / "params.yaml")
    raw["validate"] = SECTION
    yaml.dump(raw, folder / "params.yaml")
    for name, files in FILES.items():
        for file, array in zip(files, splits[name], strict=True):
            path = folder / "data" / "raw" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(format_idx(array))


def stage(folder):
    """The stage as DVC starts it."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "140"}
    return subprocess.run(
        [sys.executable, "-m", "stages.validate"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def passed(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("passed")
    write(folder, data)
    result = stage(folder)
    assert result.returncode == 0, result.stderr
    return folder, result


@pytest.fixture(scope="module")
def failed(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("failed")
    images = data["train"].images.copy()
    images[[7, 9]] = 0
    write(folder, {**data, "train": Split(images, data["train"].labels)})
    return folder, stage(folder)


@pytest.mark.slow
def test_the_stage_writes_its_report_and_nothing_else(passed):
    folder, result = passed
    assert result.stdout == "validate: all 38 expectations hold, see reports/validation/validation.png\n"
    assert result.stderr == ""
    assert {p.name for p in (folder / "reports/validation").iterdir()} == {
        "validation.json",
        "validation.png",
        "data_docs",
    }
    metrics = json.loads((folder / "reports/validation/validation.json").read_text())
    assert (metrics["expectations"], metrics["failed"]) == (38, 0)
    assert "failures" not in metrics
    assert (metrics["train"]["images"], metrics["test"]["images"]) == (TRAIN, TEST)
    assert metrics["test"]["max"] == {"lowest": 224.0, "mean": 254.6196, "highest": 255.0}


def test_a_second_run_gives_the_same_bytes(passed, monkeypatch):
    folder, _ = passed
    outs = [folder / "reports/validation" / name for name in ("validation.json", "validation.png")]
    before = [path.read_bytes() for path in outs]
    monkeypatch.chdir(folder)
    validate.main()
    assert [path.read_bytes() for path in outs] == before


@pytest.mark.slow
def test_a_failure_stops_with_a_table_and_one_line(failed):
    _, result = failed
    assert (result.returncode, result.stdout) == (1, "")
    *table, line = result.stderr.splitlines()
    assert line == (
        "validate: 6 of 38 expectations failed, first train images: duplicates: 2 with a twin, "
        "allowed none with a twin (row 7, 9); see reports/validation/data_docs/index.html"
    )
    row = next(text for text in table if "mean ink" in text)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [
        "train images",
        "mean ink",
        "0",
        "25 … 90",
        "2",
        "row 7, 9",
    ]


def test_what_a_failure_leaves_does_not_look_like_a_pass(failed, passed):
    report = failed[0] / "reports/validation"
    metrics = json.loads((report / "validation.json").read_text())
    assert metrics["failed"] == len(metrics["failures"]) == 6
    assert metrics["failures"][1] == {
        "expectation": "train images: brightest pixel",
        "observed": "0",
        "allowed": "200 … 255",
        "unexpected": 2,
        "first_rows": [7, 9],
    }
    index = (report / "data_docs/index.html").read_text()
    assert "6 of 38 expectations failed" in index
    assert index.count('<tr class="failed">') == 6
    assert (report / "validation.png").read_bytes() != (passed[0] / "reports/validation/validation.png").read_bytes()


def test_data_that_cannot_be_read_leaves_no_report(data, tmp_path, monkeypatch):
    write(tmp_path, data)
    (tmp_path / "reports/validation").mkdir(parents=True)
    (tmp_path / "reports/validation/validation.json").write_text("{}")
    labels = tmp_path / "data/raw/t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-3])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DigitsError, match=r"data/raw/t10k-labels-idx1-ubyte: 402 bytes, but its header \(397,\) needs"):
        validate.main()
    assert not (tmp_path / "reports/validation").exists()


class Page(HTMLParser):
    """What a page loads, where it links to, and its text."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.text = [], [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "link", "img", "iframe", "object", "embed", "video") or "src" in given:
            self.loads.append((tag, given))
        if tag == "a":
            self.links.append(given.get("href", ""))

    def handle_data(self, text):
        self.text += text


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_data_docs_load_nothing_and_link_only_to_each_other(outcome, request):
    docs = request.getfixturevalue(outcome)[0] / "reports/validation/data_docs"
    pages = sorted(docs.rglob("*.html"))
    # The index, and for each of the five tables its suite and its results.
    assert len(pages) == 11
    for path in pages:
        page = Page(path)
        assert page.loads == []
        assert "url(" not in page.text and "@import" not in page.text and "$(" not in page.text
        assert ".fa-check-circle::before" in page.text
        for link in page.links:
            assert link.startswith("#") or (path.parent / link).is_file(), link
    assert [p for p in docs.rglob("*") if p.is_file() and p.suffix != ".html"] == []


@pytest.mark.slow
def test_data_docs_in_a_browser_without_network(failed, browser):
    docs = failed[0] / "reports/validation/data_docs"
    requests, complaints = [], []
    page = browser.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((docs / "index.html").as_uri())
    assert page.get_by_text("6 of 38 expectations failed").is_visible()
    page.get_by_role("link", name="results").nth(1).click()
    assert page.get_by_text("2 unexpected values found").first.is_visible()
    passed_row = page.get_by_text("Must have exactly")
    assert passed_row.is_visible()
    page.get_by_label("Failed Only").check()
    assert not passed_row.is_visible()
    assert page.get_by_text("2 unexpected values found").first.is_visible()
    fold = page.get_by_text("Great Expectations Version")
    assert not fold.is_visible()
    page.get_by_text("Show more info").click()
    assert fold.is_visible()
    page.close()
    assert requests
    assert all(url.startswith("file:") for url in requests)
    assert complaints == []
