#!/usr/bin/python3
"""Every `vigie …` command that a runbook, the README, the manual or the error registry tells people to type is one that
the program knows: the verb, and each --option. Those that can be typed as they stand (a block of code, a remedy) also
have every operand and every option that the verb cannot do without.

usage: check_commands.py BINARY [--root FOLDER]
"""
import argparse
import pathlib
import re
import subprocess
import sys

import yaml

COMMAND = re.compile(r"(?:^|[`\s(|&])(?<!-u )vigie ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)((?: [^\n`|;&)#]*)?)", re.M)


BLOCK = re.compile(r"```\w*\n(.*?)```", re.S)


def pages(root):
    """The page, what can be typed as it stands, and what is only mentioned."""
    for page in [root / "README.md", *sorted((root / "docs/runbooks").glob("*.md")), *sorted((root / "docs/manual").glob("*.md"))]:
        text = page.read_text()
        yield page.relative_to(root), "\n".join(BLOCK.findall(text)), "\n".join(re.findall(r"`([^`\n]+)`", BLOCK.sub("", text)))
    codes = yaml.safe_load((root / "src/base/errors.yaml").read_text())["codes"]
    yield pathlib.Path("src/base/errors.yaml"), "\n".join(code["remedy"] for code in codes.values()), ""


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


def operands_of(words, text):
    """What is no option and no option's value."""
    operands = []
    takes_value = False
    for word in words:
        if word.startswith("-"):
            takes_value = re.search(rf"(?<!\S){re.escape(word)},?(?: --[a-z]+)? [^\s-]", text) is not None and "=" not in word
        elif takes_value:
            takes_value = False
        else:
            operands.append(word)
    return operands


def missing(verb, words, text):
    """The options and operands that the verb needs, by its own help, and that are not there."""
    usage = re.search(r"^Usage: vigie (.*) \[OPTIONS\]", text, re.M).group(1)[len(verb):].split()
    for option in (word for word in usage if word.startswith("--")):
        if option not in words:
            yield option
    needed = [word for word in usage if word.isalpha() and word.isupper() and not usage[max(0, usage.index(word) - 1)].startswith("--")]
    yield from needed[len(operands_of(words, text)):]


def breaches_of(binary, page, text, whole):
    for words, rest in COMMAND.findall(text):
        verb = known_verb(binary, words)
        if verb is None:
            yield f"{page}: the program does not know `vigie {words}`"
            continue
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest):
            if option not in help_of(binary, verb):
                yield f"{page}: `vigie {verb}` does not know {option}"
        typed = re.findall(r'"[^"]*"|\'[^\']*\'|\S+', words[len(verb):] + rest)
        for part in missing(verb, typed, help_of(binary, verb)) if whole and "--help" not in typed else ():
            yield f"{page}: `vigie {verb}{rest}` lacks {part}"


def breaches(binary, root):
    for page, typed, mentioned in pages(root):
        yield from breaches_of(binary, page, typed, True)
        yield from breaches_of(binary, page, mentioned, False)


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
