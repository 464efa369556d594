"""`digits migrate`: what it prints, and its exit codes."""

import shutil

import pytest
from support.decisions import assert_refused


@pytest.mark.slow
def test_it_counts_table_by_table_and_is_refused_the_second_time(client, empty_store, digits, folder):
    shutil.copy(empty_store, folder / "target.db")
    client.create_run(client.get_experiment_by_name("digits").experiment_id)
    command = ["migrate", "--to", "sqlite:///target.db", "--artifacts", "served"]
    code, out, err = digits(*command)
    assert (code, err) == (0, "")
    lines = dict(line.rsplit(maxsplit=1) for line in out.splitlines()[:-1])
    assert (lines["experiments"], lines["runs"]) == ("2", "1")
    assert out.splitlines()[-1].endswith("are there, and read back alike")
    assert_refused(digits(*command), "is not empty, its table tags has")


def test_both_options_are_needed(folder, digits):
    assert digits("migrate", "--to", "sqlite:///target.db")[0] == 2
    assert_refused(digits("migrate", "--to", "sqlite:///t.db", "--artifacts", "x"), "an SQLite store that exists")
