"""`digits sign`, and what asks for signatures once the shell names a key."""

import numpy as np
import pytest
from PIL import Image
from support.decisions import assert_refused
from support.keys import write_keys

from digits.registry.aliases import make_champion
from digits.registry.history import CHAMPION
from digits.registry.signature import VARIABLE


def test_without_a_key_it_is_wrong_usage(digits, tmp_path, monkeypatch):
    monkeypatch.delenv("DIGITS_SIGNING_KEY", raising=False)
    code, out, err = digits("sign", "champion")
    assert code == 2 and out == "" and "DIGITS_SIGNING_KEY" in err
    assert_refused(digits("sign", "champion", "--key", str(tmp_path / "none")), "No such file")


@pytest.mark.slow
def test_what_is_not_signed_is_neither_served_nor_read_nor_rolled_back_to(store, digits, tmp_path, monkeypatch):
    make_champion(store.registry, "2", "1", "promote", "a test", [])
    picture = str(tmp_path / "picture.png")
    Image.fromarray(np.full((60, 60), 255, np.uint8)).save(picture)
    # What the name means is remembered now, and counts no more once a key is named.
    assert digits("predict", picture)[0] == 0
    private, public = write_keys(tmp_path)
    monkeypatch.setenv(VARIABLE, str(public))
    for words in (["predict", picture], ["serve", "--port", "0"], ["draw", "--port", "0", "--no-browser"], ["pull"]):
        assert_refused(digits(*words), f"version 2 of digits is not signed, and {VARIABLE} is set: refused")
    assert_refused(digits("rollback"), "version 1 of digits is not signed")
    assert_refused(digits("promote", "3", "--force", "--reason", "a drill"), "version 3 of digits is not signed")
    assert store.registry.aliases()[CHAMPION] == "2"

    assert digits("sign", "1", "--key", str(private)) == (0, "digits: version 1 is signed\n", "")
    assert digits("rollback")[0] == 0
    assert digits("predict", picture)[0] == 0

    code, out, err = digits("promote", "3", "--force", "--reason", "a drill", "--sign-key", str(private))
    assert code == 0 and out.endswith("version 3 is champion now, was 1\n"), err
    assert digits("pull")[0] == 0
