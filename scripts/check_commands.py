#!/usr/bin/python3
"""Every `vigie …` command that a runbook, the README, the manual or the error registry tells people to type is one that
the program knows: the verb, and each --option.

usage: check_commands.py BINARY [--root FOLDER]
"""
import argparse
import pathlib
import re
import subprocess
import sys

import yaml

COMMAND = re.compile(r"(?:^|[`\s(|&])(?<!-u )vigie ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)((?: [^\n`|;&)#]*)?)", re.M)


def code_of(text):
    """The parts of a Markdown text that are code."""
    return "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.S) + re.findall(r"`([^`\n]+)`", text))


def pages(root):
    for page in [root / "README.md", *sorted((root / "docs/runbooks").glob("*.md")), *sorted((root / "docs/manual").glob("*.md"))]:
        yield page.relative_to(root), code_of(page.read_text())
    codes = yaml.safe_load((root / "src/base/errors.yaml").read_text())["codes"]
    yield pathlib.Path("src/base/errors.yaml"), "\n".join(code["remedy"] for code in codes.values())


def help_of(binary, words, seen={}):
    if words not in seen:
        done = subprocess.run([binary, *words.split(), "--help"], capture_output=True, text=True, timeout=20, check=False)
        seen[words] = done.stdout if done.returncode == 0 else None
    return seen[words]


def known_verb(binary, words):
    """Two words, or one: the second may be an operand."""
    for candidate in (words, words.split()[0]):
        if help_of(binary, candidate) is not None:
            return candidate
    return None


def breaches(binary, root):
    for page, text in pages(root):
        for words, rest in COMMAND.findall(text):
            verb = known_verb(binary, words)
            if verb is None:
                yield f"{page}: the program does not know `vigie {words}`"
                continue
            for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest):
                if option not in help_of(binary, verb):
                    yield f"{page}: `vigie {verb}` does not know {option}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary", type=pathlib.Path)
    arguments.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    options = arguments.parse_args()
    found = sorted(set(breaches(str(options.binary.resolve()), options.root)))
    for breach in found:
        print(breach)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
