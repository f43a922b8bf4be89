#!/usr/bin/python3
"""The layer check against small trees: a clean one passes, and each rule is broken once and must be named."""
import json
import pathlib
import tempfile
import unittest

import check_layers

CLEAN = {
    "src/base/.may_include": "# nothing\n",
    "src/base/text.h": "#include <string>\n",
    "src/platform/.may_include": "base/\n",
    "src/platform/db.cc": '#include <libpq-fe.h>\n#include "base/text.h"\n#include "platform/db.h"\n',
    "src/platform/db.h": "int connect();\n",
    "src/backup/.may_include": "base/\nplatform/\nledger/view.h\n",
    "src/backup/take.cc": '#include "ledger/view.h"\n#include "platform/db.h"\n',
    "src/backup/take_test.cc": '#include "tests/support/clock.h"\n',
    "src/ledger/.may_include": "base/\n",
    "src/ledger/view.h": "struct View {};\n",
    "src/ledger/ledger.h": "struct Ledger {};\n",
}


class CheckLayers(unittest.TestCase):
    def breaches(self, changes, built=("src/backup/take_test.cc",)):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            for name, text in {**CLEAN, **changes}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            commands = root / "compile_commands.json"
            commands.write_text(json.dumps([{"directory": str(root), "file": name} for name in built]))
            return list(check_layers.breaches(root, commands))

    def assert_breach(self, words, changes, **options):
        found = self.breaches(changes, **options)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_a_clean_tree_passes(self):
        self.assertEqual(self.breaches({}), [])

    def test_an_include_of_a_room_that_is_not_allowed(self):
        self.assert_breach("does not allow", {"src/platform/x.cc": '#include "ledger/view.h"\n'})

    def test_an_allowed_file_does_not_allow_its_room(self):
        self.assert_breach("ledger/ledger.h", {"src/backup/x.cc": '#include "ledger/ledger.h"\n'})

    def test_an_include_that_is_not_relative_to_src(self):
        self.assert_breach("does not allow", {"src/platform/x.cc": '#include "db.h"\n'})

    def test_a_third_party_header_outside_its_seam(self):
        for header in ("libpq-fe.h", "sqlite3.h", "curl/curl.h", "boost/asio.hpp", "boost/beast/http.hpp", "CLI/CLI.hpp"):
            with self.subTest(header):
                self.assert_breach("belongs to", {"src/backup/x.cc": f"#include <{header}>\n"})

    def test_test_support_in_the_program(self):
        self.assert_breach("only tests", {"src/backup/x.cc": '#include "tests/support/clock.h"\n'})

    def test_a_room_without_its_list(self):
        self.assert_breach("without .may_include", {"src/alert/rule.h": "struct Rule {};\n"})

    def test_a_cycle_of_rooms(self):
        cycle = {"src/ledger/.may_include": "backup/\n", "src/ledger/x.cc": '#include "backup/take.h"\n'}
        self.assert_breach("include one another: backup -> ledger -> backup", cycle)

    def test_a_test_that_no_target_builds(self):
        self.assert_breach("no target builds", {}, built=())

    def test_a_file_that_is_too_long(self):
        self.assert_breach("501 lines", {"src/base/long.h": "// x\n" * 501})

    def test_a_function_that_is_too_long(self):
        body = "  i++;\n" * 60
        self.assert_breach("grow has 62 lines", {"src/base/grow.cc": f"void grow(int i) {{\n{body}}}\n"})

    def test_a_registry_host(self):
        self.assert_breach("names", {"docs/install.md": "from deb." + "debian.org\n"})

    def test_a_path_of_a_machine(self):
        self.assert_breach("names", {"docs/install.md": "see /wo" + "rk/main/src\n"})


if __name__ == "__main__":
    unittest.main()
