#!/usr/bin/python3
"""Checks that the tree is the house that docs/architecture.md describes; prints each breach and exits 1.

usage: check_layers.py [--root FOLDER] [--compile-commands FILE]

- A room of src/ includes only what its .may_include allows (one path prefix a line; its own room always), and third-party
  headers that belong to one seam only there.
- No folder of src/ includes, by whatever way, a folder that includes it (a room's subfolders count as its own).
- Every *_test.cc is built by a target of compile_commands.json.
- No file over 500 lines, no function over 60.
- No tracked file names the host of a package registry or a path of somebody's own machine.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
CODE = {".cc", ".h", ".py", ".sh", ".ts", ".tsx"}

# Header prefix -> the rooms in which it may stand.
SEAMS = {
    "boost/asio": {"api", "platform"},
    "boost/beast": {"api", "platform"},
    "libpq-fe.h": {"platform"},
    "libpq/": {"platform"},
    "postgresql/": {"platform"},
    "sqlite3.h": {"platform"},
    "curl/": {"platform"},
    "CLI/": {"cli"},
    "expat.h": {"store"},
}

# In pieces, so that this file does not break its own rule.
FOREIGN = re.compile("|".join([
    r"\b(deb|security|registry)\." + r"[a-z]+\.org\b", r"\bpypi" + r"\.org\b", r"\bpython" + r"hosted\.org\b",
    r"\bnpm" + r"js\.(org|com)\b", r"\bproxy\." + r"golang\.org\b", r"\bcrates" + r"\.io\b",
    r"(?<![\w.}])/wo" + r"rk/(main|shared|wt-)"]))


def tracked(root):
    """Paths relative to root of what git tracks, or of every file where there is no repository."""
    listing = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True)
    if listing.returncode == 0 and listing.stdout:
        return [pathlib.Path(p) for p in listing.stdout.split("\0") if p and (root / p).is_file()]
    return sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file())


def text_of(path):
    return path.read_text(encoding="utf-8", errors="replace")


def sources(files):
    return [f for f in files if f.parts[0] == "src" and f.suffix in {".cc", ".h"} and len(f.parts) > 2]


def includes(path):
    """(line number, kind, header) with kind '"' or '<'."""
    for number, line in enumerate(text_of(path).splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if found:
            yield number, found[1], found[2]


def allowed_prefixes(root, room):
    path = root / "src" / room / ".may_include"
    if not path.exists():
        return None
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def quoted_breach(file, header, room, prefixes):
    if header.startswith("tests/"):
        return None if file.name.endswith("_test.cc") else "only tests may include tests/"
    if header.startswith(room + "/") or any(header.startswith(p) for p in prefixes):
        return None
    return f"src/{room}/.may_include does not allow it"


def angled_breach(header, room):
    for prefix, rooms in SEAMS.items():
        if header.startswith(prefix) and room not in rooms:
            return f"belongs to {' and '.join(sorted(rooms))} only"
    return None


def check_includes(root, files):
    for file in sources(files):
        room = file.parts[1]
        prefixes = allowed_prefixes(root, room)
        if prefixes is None:
            yield f"src/{room}: a room without .may_include"
            continue
        for number, kind, header in includes(root / file):
            breach = quoted_breach(file, header, room, prefixes) if kind == '"' else angled_breach(header, room)
            if breach:
                yield f"{file}:{number}: {header}: {breach}"


def same_room(one, other):
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def folder_graph(root, files):
    """Folder of src/ -> the folders that its files include; a folder and its own subfolder count as one."""
    graph = {}
    folders = {str(f.parent.relative_to("src")) for f in sources(files)}
    for file in sources(files):
        here = str(file.parent.relative_to("src"))
        for _, kind, header in includes(root / file):
            there = str(pathlib.Path(header).parent)
            if kind == '"' and there in folders and not same_room(here, there):
                graph.setdefault(here, set()).add(there)
    return graph


def find_cycle(graph):
    done = set()

    def visit(node, path):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        for following in sorted(graph.get(node, ())):
            cycle = visit(following, path + [node])
            if cycle:
                return cycle
        done.add(node)
        return None

    return next(filter(None, (visit(node, []) for node in sorted(graph))), None)


def check_cycles(root, files):
    cycle = find_cycle(folder_graph(root, files))
    if cycle:
        yield "folders include one another: " + " -> ".join(cycle)


def check_tests_built(root, files, compile_commands):
    built = {str(pathlib.Path(c["directory"], c["file"]).resolve()) for c in json.loads(compile_commands.read_text())}
    for file in files:
        if file.name.endswith("_test.cc") and str((root / file).resolve()) not in built:
            yield f"{file}: no target builds this test"


def check_lengths(root, files):
    for file in files:
        if file.suffix in CODE:
            lines = len(text_of(root / file).splitlines())
            if lines > MAX_FILE_LINES:
                yield f"{file}: {lines} lines, the limit is {MAX_FILE_LINES}"


def ctags(root, files):
    names = "\n".join(str(f) for f in files if f.suffix in CODE)
    return subprocess.run(
        ["ctags", "-L", "-", "--languages=C++,Python,Sh", "--langmap=C++:+.h", "--kinds-C++=f", "--kinds-Python=fm",
         "--kinds-Sh=f", "--fields=+ne", "--output-format=json", "-f", "-"],
        cwd=root, input=names, capture_output=True, text=True, check=True).stdout


def check_functions(root, files):
    for line in ctags(root, files).splitlines():
        tag = json.loads(line)
        length = tag.get("end", tag["line"]) - tag["line"] + 1
        if length > MAX_FUNCTION_LINES:
            yield f"{tag['path']}:{tag['line']}: {tag['name']} has {length} lines, the limit is {MAX_FUNCTION_LINES}"


def check_foreign(root, files):
    for file in files:
        for number, line in enumerate(text_of(root / file).splitlines(), 1):
            found = FOREIGN.search(line)
            if found:
                yield f"{file}:{number}: names {found[0]}"


def breaches(root, compile_commands):
    files = tracked(root)
    for check in (check_includes, check_cycles, check_lengths, check_functions, check_foreign):
        yield from check(root, files)
    if compile_commands:
        yield from check_tests_built(root, files, compile_commands)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    arguments.add_argument("--compile-commands", type=pathlib.Path)
    options = arguments.parse_args()
    found = list(breaches(options.root.resolve(), options.compile_commands))
    for breach in found:
        print(breach)
    print(f"layers: {len(found)} breaches" if found else "layers: clean")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
