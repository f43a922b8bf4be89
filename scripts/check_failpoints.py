#!/usr/bin/python3
"""Each failpoint of src/ has a test that kills there.

A failpoint is `failpoint("a.b.c")`, or `failpoint(fmt::format("a.{}.c", to_string(x.state)))`, which stands for one of each
RunState. A test covers it when its name stands, quoted and whole, in a *_test.cc that arms failpoints; such a test fails
when the process was not killed, so what is named there was hit.
usage: check_failpoints.py   (from anywhere)
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run_states():
    text = (ROOT / "src/jobs/run.h").read_text()
    body = re.search(r"enum class RunState[^{]*\{(.*?)\};", text, re.S).group(1)
    return re.findall(r"^\s*(\w+),", body, re.M)


def failpoints():
    """name -> where it stands"""
    found = {}
    for path in sorted((ROOT / "src").rglob("*.cc")):
        if path.name.endswith("_test.cc"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.search(r'\bfailpoint\((fmt::format\()?"([^"]+)"', line)
            if not match:
                continue
            names = [match[2].replace("{}", state) for state in run_states()] if match[1] else [match[2]]
            for name in names:
                found[name] = f"{path.relative_to(ROOT)}:{number}"
    return found


def killed():
    """every quoted name in tests that arm failpoints"""
    names = set()
    for folder in ("src", "tests"):
        for path in (ROOT / folder).rglob("*_test.cc"):
            text = path.read_text()
            if "VIGIE_FAILPOINTS" in text:
                names.update(re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)(?:=kill[@0-9]*)?"', text))
    return names


def main():
    points, covered = failpoints(), killed()
    missing = {name: place for name, place in points.items() if name not in covered}
    for name, place in sorted(missing.items()):
        print(f"{place}: no test kills at {name}")
    print(f"{len(points) - len(missing)} of {len(points)} failpoints are hit by a kill")
    return 1 if missing or not points else 0


if __name__ == "__main__":
    sys.exit(main())
