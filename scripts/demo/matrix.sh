# The steps of the demo that show what is asked for and what is proved. Sourced by scripts/demo.sh.
# shellcheck shell=bash disable=SC2154

# "met 9, never 2": of the requirements that the gate asks for.
matrix_counts() {
  vigie matrix --output json 2>/dev/null |
    jq -r '[.[] | select(.required)] | group_by(.status) | map("\(.[0].status) \(length)") | join(", ")'
}

matrix_before() {
  local counts
  counts=$(matrix_counts) || return 1
  detail "of the requirements that the gate asks for: $counts"
  ! vigie matrix --gate >/dev/null 2>"$place/gate.out" || { detail "the gate is open, and nothing is proved yet"; return 1; }
  detail "vigie matrix --gate: exit status 1"
}

gate_is_open() { vigie matrix --gate >"$place/matrix.out" 2>"$place/gate.out"; }

# Nobody has filled it in: each line is what backups, drills, the proof and the program itself left.
matrix_after() {
  wait_until 60 "the gate to open" gate_is_open || { cat "$place/matrix.out" "$place/gate.out" >&2; return 1; }
  cut -c 1-72 "$place/matrix.out" | sed 's/^/     /'
  detail "of the requirements that the gate asks for: $(matrix_counts); vigie matrix --gate: exit status 0"
}

# What an auditor gets: one file, to read and to print.
auditor_export() {
  vigie evidence export --format html --file "$place/evidence.html" >"$place/export.out" 2>&1 || { cat "$place/export.out" >&2; return 1; }
  [[ -s $place/evidence.html ]] && grep -q "Restore drill" "$place/evidence.html" || { detail "the export lacks the drill"; return 1; }
  detail "evidence.html: $(stat -c %s "$place/evidence.html") bytes, $(vigie evidence list --output jsonl | wc -l) entries, for an auditor"
}
