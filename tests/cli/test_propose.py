"""`digits propose`: what it prints is read by params.yaml's own reader."""

from ruamel.yaml import YAML
from support.decisions import assert_refused
from support.params import raw_params
from support.sample import SAMPLE, sample_hashes

from digits.params import parse_params


def update(raw, values):
    """Paste keys into nested sections."""
    for key, value in values.items():
        if isinstance(value, dict):
            update(raw[key], value)
        else:
            raw[key] = value


def test_the_proposal_fits_the_schema(digits):
    code, out, err = digits("propose", str(SAMPLE))
    assert code == 0, err
    proposal = YAML(typ="safe").load(out)
    assert {key: file["sha256"] for key, file in proposal["fetch"]["files"].items()} == sample_hashes()
    raw = raw_params()
    update(raw, proposal)
    assert parse_params(raw).validate_.images.train == 1000


def test_a_folder_without_data_is_refused(digits, tmp_path):
    assert_refused(digits("propose", str(tmp_path)), str(tmp_path))
    assert_refused(digits("propose", str(tmp_path / "absent")), "absent")
