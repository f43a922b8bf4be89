#!/usr/bin/python3
"""Every runbook key of the error registry has a page in docs/runbooks/ with the four parts, and no page is left over.

usage: check_runbooks.py [--root FOLDER]
"""
import argparse
import pathlib
import sys

import yaml

PARTS = ("## Symptom", "## Consequence", "## Check", "## Mend")


def page_breaches(page):
    if not page.exists():
        yield f"{page.name}: the page is missing"
        return
    text = page.read_text()
    for part in PARTS:
        body = text.partition(part + "\n")[2].split("\n## ")[0].strip()
        if not body:
            yield f"{page.name}: {part} is missing or empty"


def breaches(root):
    registry = yaml.safe_load((root / "src/base/errors.yaml").read_text())
    keys = {code["runbook"] for code in registry["codes"].values()}
    folder = root / "docs/runbooks"
    for key in sorted(keys):
        yield from page_breaches(folder / f"{key}.md")
    for page in sorted(folder.glob("*.md")):
        if page.stem not in keys and page.stem != "README":
            yield f"{page.name}: no error code names this page"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    found = list(breaches(arguments.parse_args().root))
    for breach in found:
        print(breach)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
