#!/usr/bin/python3
"""Validates JSON documents against schemas of docs/formats/: one a line on standard input, SCHEMA<tab>DOCUMENT.

SCHEMA is a file of docs/formats/, or openapi.yaml#/components/schemas/NAME. Prints each mistake; exit 1 when there is one.
"""
import json
import pathlib
import sys

import jsonschema
import yaml

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs" / "formats"


def load(uri):
    path = FOLDER / uri.rsplit("/", 1)[-1]
    text = path.read_text()
    if path.suffix == ".yaml":
        return yaml.safe_load(text)
    # Debian's jsonschema looks for a "#/..." behind a urn: in the first document.
    return {**json.loads(text), "$id": path.as_uri()}


def validator(reference):
    if "#" not in reference:  # alone, as whoever was handed one schema has it
        return jsonschema.Draft202012Validator(json.loads((FOLDER / reference).read_text()))
    schema = {"$ref": reference}
    resolver = jsonschema.RefResolver(FOLDER.as_uri() + "/", schema, handlers={"file": load})
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def main():
    mistakes = 0
    for line in sys.stdin:
        reference, document = line.rstrip("\n").split("\t", 1)
        for error in validator(reference).iter_errors(json.loads(document)):
            mistakes += 1
            print(f"{reference}: {error.json_path}: {error.message}")
    sys.exit(1 if mistakes else 0)


main()
