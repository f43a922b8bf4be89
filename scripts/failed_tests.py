#!/usr/bin/python3
"""The tests that failed in the last run of ctest in BUILD, each with the end of what it printed.

A log of two thousand tests hides the one that failed; this comes after it. Prints nothing when none failed.
usage: failed_tests.py BUILD [--lines N]        (of each test, 30 unless told)
"""
import argparse
import pathlib
import re

AT_MOST = 20  # tests that are shown with their output; the others by name


def failed(build):
    """Names, in ctest's own order. A run without a failure leaves the file of the one before as it was."""
    path = build / "Testing/Temporary/LastTestsFailed.log"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return [line.split(":", 1)[1] for line in lines if ":" in line]


def outputs(build):
    """What each test printed, and what ctest says after it. ctest writes a head of `N/M Test: NAME`, `Output:` and a line, and a foot of `Test time`."""
    log = (build / "Testing/Temporary/LastTest.log").read_text(errors="replace")
    parts = re.split(r"^\d+/\d+ Test: (.*)\n", log, flags=re.MULTILINE)
    texts = (re.split(r"^Output:\n-+\n", text, maxsplit=1, flags=re.MULTILINE)[-1] for text in parts[2::2])
    return {name: text.partition("<end of output>")[::2] for name, text in zip(parts[1::2], texts)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--lines", type=int, default=30)
    asked = parser.parse_args()
    names = failed(asked.build)
    if not names:
        return
    printed = outputs(asked.build)
    names = [name for name in names if name in printed and "\nTest Passed.\n" not in printed[name][1]]
    if not names:
        return
    for name in names[:AT_MOST]:
        print(f"\n--- {name}", *printed[name][0].rstrip().splitlines()[-asked.lines:], sep="\n")
    print(f"\n{len(names)} failed in {asked.build}:", *names, sep="\n  ")


main()
