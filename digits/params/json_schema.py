"""The JSON schema of params.yaml, for editors: completion, ranges and descriptions while typing.

`python -m digits.params.json_schema` writes params.schema.json, which the first line of params.yaml names.
"""

import json
from pathlib import Path

from digits.files import write_text
from digits.params.schema import Params

FILE = Path("params.schema.json")


def json_schema() -> str:
    """The schema as indented JSON, made from the classes of `digits.params.schema`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Params.model_json_schema(by_alias=True)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_text(FILE, json_schema())
