#!/usr/bin/python3
"""Every runbook key of the error registry has a page in docs/runbooks/ with the four parts, and no page is left over.
Every code stands by name in the page that it names: whoever searches for it finds what to do.
Every reason that a check of the status gives by itself stands in the Symptom of a page.

usage: check_runbooks.py [--root FOLDER]
"""
import argparse
import pathlib
import re
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


def code_breaches(codes, folder):
    for name, code in sorted(codes.items()):
        page = folder / f"{code['runbook']}.md"
        if page.exists() and f"`{name}`" not in page.read_text():
            yield f"{page.name}: the code {name} names this page, which does not speak of it"


def symptom(page):
    return page.read_text().partition("## Symptom\n")[2].partition("\n## ")[0]


def status_words(root):
    """The reasons that src/status gives, and the pages that its checks name."""
    for source in sorted((root / "src/status").glob("*.cc")):
        if source.stem.endswith("_test"):
            continue
        for statement in source.read_text().split(";"):
            given = re.search(r"(?:Status::\w+|reason_code =)(.*)", statement, re.S)
            if given and re.search(r"\bjudge\(|reason_code =|make_check\(", statement):
                yield from re.findall(r'"([a-z_]+)"', given.group(1))


def status_breaches(root, pages):
    known = "".join(symptom(page) for page in pages)
    stems = {page.stem for page in pages}
    for word in sorted(set(status_words(root)) - stems - {"ok"}):
        if f"`{word}`" not in known:
            yield f"src/status gives the reason {word}: no page of docs/runbooks has it in its Symptom"


def breaches(root):
    codes = yaml.safe_load((root / "src/base/errors.yaml").read_text())["codes"]
    keys = {code["runbook"] for code in codes.values()}
    folder = root / "docs/runbooks"
    for key in sorted(keys):
        yield from page_breaches(folder / f"{key}.md")
    for page in sorted(folder.glob("*.md")):
        if page.stem not in keys and page.stem != "README":
            yield f"{page.name}: no error code names this page"
    yield from code_breaches(codes, folder)
    yield from status_breaches(root, [page for page in sorted(folder.glob("*.md")) if page.stem != "README"])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    found = list(breaches(arguments.parse_args().root))
    for breach in found:
        print(breach)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
