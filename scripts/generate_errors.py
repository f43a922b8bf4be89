#!/usr/bin/python3
"""Makes the error codes of the program and of the manual from src/base/errors.yaml.

usage: generate_errors.py REGISTRY --header FILE --source FILE     (the build)
       generate_errors.py REGISTRY --manual FILE [--check]         (docs/errors.md; --check only compares)
       generate_errors.py REGISTRY --released FILE                 (fails when a released code changed)
"""
import argparse
import pathlib
import re
import sys

import yaml


def load(path):
    registry = yaml.safe_load(pathlib.Path(path).read_text())
    codes = {}
    for name, own in registry["codes"].items():
        code = {**registry["classes"][own["class"]], **own, "name": name}
        for parameter in re.findall(r"{(\w+)}", code["detail"] + code["remedy"]):
            if parameter not in registry["parameters"]:
                sys.exit(f"errors.yaml: {name}: parameter {parameter} is not in the list of parameters")
        for key in ("title", "detail", "remedy", "runbook"):
            if not code.get(key):
                sys.exit(f"errors.yaml: {name}: {key} is missing")
        codes[name] = code
    return registry, codes


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def header(codes):
    lines = ["// Generated from src/base/errors.yaml.", "#pragma once", "namespace vigie {",
             "enum class ErrorCode : unsigned short {"]
    lines += [f"  {name}," for name in codes]
    return "\n".join(lines + ["};", "}  // namespace vigie", ""])


def source(registry, codes):
    out = ["// Generated from src/base/errors.yaml.", '#include "base/error.h"', "namespace vigie {",
           "namespace {", "constexpr ErrorInfo kTable[] = {"]
    for name, c in codes.items():
        out.append(f"    {{ErrorCode::{name}, {quoted(name)}, {quoted(c['class'])}, {c['http']}, {c['exit']}, "
                   f"Verdict::{c['verdict']}, {str(c['retryable']).lower()}, {quoted(c['title'])}, "
                   f"{quoted(c['detail'])}, {quoted(c['remedy'])}, {quoted(c['runbook'])}}},")
    out += ["};", "constexpr std::string_view kOperatorParameters[] = {"]
    out += [f"    {quoted(p)}," for p, audience in registry["parameters"].items() if audience == "operator"]
    out += ["};", "}  // namespace",
            "std::span<const ErrorInfo> error_table() { return kTable; }",
            "std::span<const std::string_view> operator_parameters() { return kOperatorParameters; }",
            "}  // namespace vigie", ""]
    return "\n".join(out)


def manual(codes):
    out = ["# Error codes", "",
           "Made from `src/base/errors.yaml` by `scripts/generate_errors.py`; do not edit.", "",
           "| code | HTTP | exit | verdict of a run | retry | what it means | next step | runbook |",
           "|---|---|---|---|---|---|---|---|"]
    for name, c in codes.items():
        remedy = c["remedy"].replace("|", "\\|")  # a bar ends a cell, in code as well
        out.append(f"| `{name}` | {c['http']} | {c['exit']} | {c['verdict']} | {'yes' if c['retryable'] else 'no'} | "
                   f"{c['title']}. | `{remedy}` | [{c['runbook']}](runbooks/{c['runbook']}.md) |")
    return "\n".join(out) + "\n"


def write(path, text):
    path = pathlib.Path(path)
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def check_released(path, codes):
    bad = []
    for line in pathlib.Path(path).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        name, http = line.split()
        if name not in codes:
            bad.append(f"{name} was released and is gone")
        elif codes[name]["http"] != int(http):
            bad.append(f"{name} was released with HTTP {http} and now has {codes[name]['http']}")
    if bad:
        sys.exit("\n".join(bad))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("registry")
    for option in ("--header", "--source", "--manual", "--released"):
        arguments.add_argument(option)
    arguments.add_argument("--check", action="store_true")
    options = arguments.parse_args()
    registry, codes = load(options.registry)
    if options.header:
        write(options.header, header(codes))
    if options.source:
        write(options.source, source(registry, codes))
    if options.manual:
        if options.check and pathlib.Path(options.manual).read_text() != manual(codes):
            sys.exit(f"{options.manual} is not what {options.registry} gives: run scripts/generate_errors.py")
        write(options.manual, manual(codes))
    if options.released:
        check_released(options.released, codes)


main()
