"""What the pages share. Their servers are tested in test_draw.py and test_label.py."""

import base64
import hashlib

from digits.serving.page import content_policy


def test_the_policy_admits_the_pages_own_style_and_script_by_their_hashes():
    page = "<style>b { color: red }</style><script>go()</script>"
    policy = content_policy(page)
    for tag, text in (("style", "b { color: red }"), ("script", "go()")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
