#!/usr/bin/python3
"""Holds docs/formats/vigie-yaml.schema.json against the corpus of configurations.

usage: check_config_schema.py SCHEMA CORPUS EXAMPLE

CORPUS holds x.yaml and x.expected (what check-config says of it). What is valid must pass the schema; of what is not,
the files named below have mistakes that a schema can see, and must fail. EXAMPLE is the C++ source that holds the
example in a raw string.
"""
import pathlib
import re
import sys

import jsonschema
import yaml

STRUCTURAL = {"unknown-keys", "wrong-values", "missing-keys", "kinds-mixed-up", "not-a-mapping", "empty", "half-tls", "s3-mistakes"}


def main(schema_path, corpus, example):
    schema = yaml.safe_load(pathlib.Path(schema_path).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    texts = {"example": re.search(r'R"\((.*)\)"', pathlib.Path(example).read_text(), re.S).group(1)}
    must_pass, must_fail = {"example"}, set()
    for path in pathlib.Path(corpus).glob("*.yaml"):
        valid = not re.search("^mistake:", path.with_suffix(".expected").read_text(), re.M)
        if valid or path.stem in STRUCTURAL:
            texts[path.stem] = path.read_text()
            (must_pass if valid else must_fail).add(path.stem)
    wrong = []
    for name, text in sorted(texts.items()):
        errors = [f"{'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(yaml.safe_load(text))]
        if bool(errors) != (name in must_fail):
            wrong.append(f"{name}: {errors or 'passes the schema and must not'}")
    if missing := STRUCTURAL - must_fail:
        wrong.append(f"not in the corpus: {missing}")
    print("\n".join(wrong) or f"{len(texts)} texts as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
