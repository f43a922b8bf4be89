# Other majors of PostgreSQL than this Debian's, for ./run test-majors: taken from the Debian that has them, unpacked into
# a folder of their own, and run from there with the libraries of that Debian. Nothing of this machine's own PostgreSQL
# changes, no package is configured, no service starts. Sourced by ./run after install.sh.
# shellcheck shell=bash disable=SC2154

readonly majors_cache=${VIGIE_MAJORS_CACHE:-/var/cache/vigie-test-postgres}

suite_of_major() {
  case $1 in
    13) echo bullseye ;;
    15) echo bookworm ;;
    17) echo trixie ;;
    18) echo sid ;; # not tested by Vigie's promise: shows how a server outside the range is met
    *) die "no Debian that can be had has PostgreSQL $1; known here: 13 15 17 18" ;;
  esac
}

bindir_of_major() { echo "$majors_cache/$1/usr/lib/postgresql/$1/bin"; }

# MAJOR FOLDER: the packages that PostgreSQL needs there, down to the C library; fetched, their signatures checked.
fetch_major() {
  local log=$root/build/debootstrap-$1.log
  mkdir -p "$root/build"
  # shellcheck disable=SC2046
  as_root env LC_ALL=C.UTF-8 debootstrap --download-only --variant=minbase --include="postgresql-$1" \
    "$(suite_of_major "$1")" "$2" $(debian_mirror) >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    return 1
  }
}

# FOLDER TREE: without LLVM, which is large and looks for its own libraries where this machine has others; PostgreSQL does
# without its compiler of queries when that file is not there.
unpack_major() {
  local package
  as_root mkdir -p "$2"
  for package in "$1"/var/cache/apt/archives/{lib*,zlib1g_*,postgresql-*}.deb; do
    [[ $package == */libllvm* ]] || as_root dpkg-deb -x "$package" "$2" || return 1
  done
  as_root rm -f "$2"/usr/lib/postgresql/*/lib/llvmjit.so
}

# MAJOR TREE: its programs shall find the loader and the libraries beside them, once the tree lies at its place.
bind_to_own_libraries() {
  local program loader folder place=$majors_cache/$1
  loader=$(cd "$2" && find . -name 'ld-linux*.so.*' -path '*/lib/*-linux-gnu*' | head -n 1)
  folder=$(basename "$(dirname "$loader")")
  for program in "$2/usr/lib/postgresql/$1/bin"/*; do
    [[ -f $program && ! -L $program ]] || continue
    as_root patchelf --set-interpreter "$place/${loader#./}" --force-rpath \
      --set-rpath "$place/lib/$folder:$place/usr/lib/$folder" "$program" || return 1
  done
}

# MAJOR: does nothing when it is there; a half made one is never at its place.
make_major() {
  local work=$majors_cache/$1.new
  as_root rm -rf "$work" && as_root mkdir -p "$work" || return 1
  fetch_major "$1" "$work/fetched" && unpack_major "$work/fetched" "$work/tree" &&
    bind_to_own_libraries "$1" "$work/tree" && as_root mv -T "$work/tree" "$majors_cache/$1" || return 1
  as_root rm -rf "$work"
}

install_major() {
  local bin
  bin=$(bindir_of_major "$1")
  [[ -x $bin/postgres ]] ||
    timed "Fetching PostgreSQL $1 of Debian $(suite_of_major "$1") into $majors_cache/$1" make_major "$1" ||
    die "PostgreSQL $1 is not to be had; see build/debootstrap-$1.log"
  say "$("$bin/postgres" --version): $bin"
}
