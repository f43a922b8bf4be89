#!/bin/bash
# The checks that need no test run: format, layers, error registry, runbooks, clang-tidy on what changed. Called by
# ./run lint and .ci/run, in the tree's root, with everything installed.
# usage: lint.sh [format|registry|layers|tidy …]        (all of them without an argument)
#
# clang-tidy looks at the sources that changed since VIGIE_LINT_BASE (default: where this branch left origin/main; on
# origin/main itself, ten commits back), a changed header's own source among them, for at most VIGIE_TIDY_SECONDS (200).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source scripts/lib.sh
readonly python=/usr/bin/python3

check_format() {
  git ls-files -z '*.cc' '*.h' | xargs -0 -r -n 40 clang-format --dry-run -Werror
}

check_registry() {
  "$python" scripts/generate_errors.py src/base/errors.yaml --manual docs/errors.md --check \
    --released docs/formats/released-error-codes.txt || return 1
  "$python" scripts/check_runbooks.py
}

# The compile commands of a build that has the tests in it.
compile_commands() {
  local preset
  for preset in asan dev clang tsan; do
    if [[ -s build/$preset/compile_commands.json ]]; then
      echo "build/$preset/compile_commands.json"
      return
    fi
  done
}

check_layers() {
  local commands
  commands=$(compile_commands)
  [[ -n $commands ]] || warn "no build with tests yet: whether each test is built was not checked"
  "$python" scripts/check_layers.py ${commands:+--compile-commands "$commands"}
}

lint_base() {
  local main
  if [[ -n ${VIGIE_LINT_BASE:-} ]]; then
    echo "$VIGIE_LINT_BASE"
  elif main=$(git merge-base HEAD origin/main 2>/dev/null) && [[ $main != $(git rev-parse HEAD) ]]; then
    echo "$main"
  else
    git rev-parse -q --verify HEAD~10 || git rev-list --max-parents=0 HEAD | tail -n 1
  fi
}

# Sources that changed since BASE; a header stands for the source of its name.
changed_sources() {
  git diff --name-only --diff-filter=d "$1" -- 'src/*.cc' 'src/*.h' 'tests/*.cc' |
    sed 's/\.h$/.cc/' | sort -u | while read -r file; do [[ -f $file ]] && echo "$file"; done
}

# One file, unless the time of all is over.
tidy_one() {
  (($(date +%s) < VIGIE_TIDY_END)) || exit 0
  clang-tidy -p build/clang --quiet --warnings-as-errors='*' "$1" 2>/dev/null || { echo "clang-tidy: $1"; exit 1; }
  echo "$1" >>"$VIGIE_TIDY_DONE"
}

check_tidy() {
  local base files done_file
  base=$(lint_base)
  git rev-parse -q --verify "$base^{tree}" >/dev/null || { warn "clang-tidy: there is no $base to compare with"; return 1; }
  [[ $(git rev-parse "$base") != $(git rev-parse HEAD) ]] ||
    warn "clang-tidy: this clone has no history to compare with; set VIGIE_LINT_BASE"
  mapfile -t files < <(changed_sources "$base")
  ((${#files[@]})) || { say "clang-tidy: nothing changed"; return 0; }
  cmake --preset clang >build/configure-clang.log 2>&1 || { tail -n 30 build/configure-clang.log >&2; return 1; }
  cmake --build build/clang --target vigie_error_codes >/dev/null || return 1
  done_file=$(mktemp)
  export VIGIE_TIDY_END=$(($(date +%s) + ${VIGIE_TIDY_SECONDS:-200})) VIGIE_TIDY_DONE=$done_file
  export -f tidy_one
  local status=0
  # In no order: it is not always the same ones that are left when the time is over.
  printf '%s\0' "${files[@]}" | shuf -z | xargs -0 -n 1 -P "$(build_jobs)" bash -c 'tidy_one "$1"' _ || status=1
  say "clang-tidy: $(wc -l <"$done_file") of ${#files[@]} changed sources are clean"
  ((status != 0 || $(wc -l <"$done_file") == ${#files[@]})) ||
    warn "clang-tidy: its time was over before the others; ./run lint with VIGIE_TIDY_SECONDS=900 looks at all"
  rm -f "$done_file"
  return "$status"
}

mkdir -p build
failed=0
for check in "${@:-format registry layers tidy}"; do
  for part in $check; do timed "Check: $part" "check_$part" || failed=1; done
done
exit "$failed"
