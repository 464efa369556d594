"""Requests to the scoring server: good bodies, bad ones, and strategies for more of them."""

import json

import requests
from hypothesis import strategies as st

JSON = {"Content-Type": "application/json"}
BLANK = [[0] * 28 for _ in range(28)]


def altered(value, row=3, column=5):
    image = [list(line) for line in BLANK]
    image[row][column] = value
    return image


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)
# What may stand where a pixel should.
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=50),
    st.integers(min_value=256),
    st.integers(max_value=-1),
    st.lists(st.integers(0, 255), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


MALFORMED = {
    "empty": b"",
    "blank": b" \n",
    "no JSON": b"hello",
    "cut off": b'{"inputs": [[[0, 0',
    "NaN": json.dumps({"inputs": [altered(float("nan"))]}).encode(),
    "null": json.dumps({"inputs": [altered(None)]}).encode(),
    "a true among the integers": json.dumps({"inputs": [altered(True)]}).encode(),
    "256": json.dumps({"inputs": [altered(256)]}).encode(),
    "-1": json.dumps({"inputs": [altered(-1)]}).encode(),
    "a number of a thousand digits": json.dumps({"inputs": [altered(0)]}).replace("0", "9" * 1000, 1).encode(),
    "text": json.dumps({"inputs": [altered("7")]}).encode(),
    "one image without its list": json.dumps({"inputs": BLANK}).encode(),
    "flat": json.dumps({"inputs": [0] * 784}).encode(),
    "27 rows": json.dumps({"inputs": [BLANK[1:]]}).encode(),
    "ragged": json.dumps({"inputs": [[*BLANK[1:], [0] * 27]]}).encode(),
    "a channel axis": json.dumps({"inputs": [[[[0]] * 28] * 28]}).encode(),
    "no image": b'{"inputs": []}',
    "no list": b'{"inputs": 7}',
    "named tensor": json.dumps({"inputs": {"pixels": [BLANK]}}).encode(),
    "both keys": json.dumps({"inputs": [BLANK], "instances": [BLANK]}).encode(),
    "params": json.dumps({"inputs": [BLANK], "params": {"temperature": 2}}).encode(),
    "data frame": json.dumps({"dataframe_split": {"columns": ["a"], "data": [[1]]}}).encode(),
    "bare list": json.dumps([BLANK]).encode(),
    "deep": b"[" * 100_000,
    "deep within": b'{"inputs": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "UTF-16": json.dumps({"inputs": [BLANK]}).encode("utf-16"),
    "one long text among many short ones": json.dumps({"inputs": [[["x" * 10**6] + [""] * 27] * 28]}).encode(),
}


def post(server, body, headers=JSON, path="/invocations"):
    return requests.post(server.url + path, data=body, headers=headers, timeout=60)


def assert_refused(response):
    assert 400 <= response.status_code < 500, response.text
    assert list(response.json()) == ["error"]
    assert len(response.json()["error"].splitlines()) == 1
