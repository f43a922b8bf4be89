#!/usr/bin/python3
"""`vigie backup run` with a recipient against the same without: what encryption costs, in time and in memory."""
import subprocess

import data
import lib
from vigie import Vigie, memory_of_a_backup


def recipient(folder):
    key = lib.own_folder(folder) / "key.txt"
    lib.as_user(["age-keygen", "-o", key], stderr=subprocess.DEVNULL)
    return lib.as_user(["age-keygen", "-y", key], stdout=subprocess.PIPE).stdout.strip()


def main():
    data.ensure("bench_mixed")
    plain = Vigie(lib.scratch() / "plain", "bench_mixed")
    encrypted = Vigie(lib.scratch() / "encrypted", "bench_mixed")
    encrypted.configure(encrypted.config.read_text() + f"    encryption: {{recipients: [{recipient(lib.scratch() / 'keys')}]}}\n")
    medians = lib.alternate({"ours": encrypted.backup, "peer": plain.backup})
    lib.record("1.5 GB: time of an encrypted backup, against one that is not", medians["ours"], medians["peer"], "s", "<= 1.25")
    lib.record("1.5 GB: resident memory of the daemon and its children during an encrypted backup, peak", memory_of_a_backup(encrypted), None, "MiB", "<= 64")


if __name__ == "__main__":
    main()
