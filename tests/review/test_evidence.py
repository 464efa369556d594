"""The model in models/ against another one, on a project that ran. Models that differ are in tests/ci."""

from dataclasses import replace

import pytest
from support.params import default_params

from digits import dvc, paths
from digits.errors import DigitsError
from digits.git import commit_of
from digits.params import load_params
from digits.registry.versions import Registry
from digits.review.evidence import gates_of, model_of, on_validation


def test_without_a_model_there_is_no_evidence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DigitsError, match=r"x_validation\.npy is missing: run `dvc repro`"):
        on_validation(None, "HEAD", default_params())


@pytest.mark.slow
def test_what_a_model_is_compared_with(project, client_of, monkeypatch):
    monkeypatch.chdir(project.folder)
    registry, params, head = Registry(client_of(project), "digits"), load_params(), commit_of("HEAD")
    base = model_of(head, registry)
    alone = on_validation(None, head, params)
    assert (alone.n, alone.paired, alone.why_not) == (300, None, "the other model is not here")
    assert alone.low < alone.accuracy < alone.high
    assert on_validation(base, head, params).same_model
    absolute = gates_of(registry, base, "main", params)
    assert absolute.against == "no other model" and len(absolute.gates) == 6
    # Other bytes of the same network.
    other = replace(base, sha256="0" * 64)
    paired = on_validation(other, head, params).paired
    assert (paired.wins, paired.losses, paired.verdict) == (0, 0, "no evidence")
    gates = gates_of(registry, other, "main", params)
    assert gates.against == "the model of main, which stands in for the champion" and len(gates.gates) == 11
    # Images of a validation set may have trained a model of another split.
    monkeypatch.setattr(dvc, "out_digest", lambda path, commit: "another" if path == paths.PROCESSED else None)
    assert "trained on other data" in on_validation(other, head, params).why_not
