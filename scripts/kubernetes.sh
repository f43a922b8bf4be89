# A real kube-apiserver and etcd for ./run test-kube: built from Debian's own source package, in a folder of their own.
# Nothing is installed. Sourced by ./run after install.sh.
# shellcheck shell=bash disable=SC2154

readonly kube_cache=${VIGIE_KUBE_CACHE:-/var/cache/vigie-test-kubernetes}
readonly kube_log=$root/build/kubernetes.log

kube_bindir() { echo "$kube_cache/bin"; }

# WORK: a private apt, whose sources are this machine's with those of source packages.
private_apt() {
  mkdir -p "$1"/apt/{sources.list.d,lists/partial,cache/archives/partial} "$1/dl"
  sed 's/^Types: deb$/Types: deb deb-src/' /etc/apt/sources.list.d/debian.sources >"$1/apt/sources.list.d/debian.sources"
  kube_apt=(apt-get -q -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$1/apt/sources.list.d"
    -o "Dir::State::Lists=$1/apt/lists" -o "Dir::Cache=$1/apt/cache" -o "APT::Sandbox::User=root")
  "${kube_apt[@]}" update
}

# WORK: Go as Debian has it, in one folder, and etcd.
fetch_kubernetes() {
  local part
  cd "$1/dl"
  "${kube_apt[@]}" download golang-1.19-go golang-1.19-src etcd-server
  "${kube_apt[@]}" source --download-only kubernetes
  for part in golang-1.19-*.deb etcd-server_*.deb; do dpkg-deb -x "$part" "$1/x"; done
  mkdir -p "$1/goroot" "$1/bin"
  cp -rL "$1/x/usr/share/go-1.19/." "$1/goroot/"
  for part in bin pkg VERSION; do cp -rL --remove-destination "$1/x/usr/lib/go-1.19/$part" "$1/goroot/"; done
  cp "$1/x/usr/bin/etcd" "$1/bin/"
}

# SRC WORK: the source with Debian's patches.
unpack_kubernetes() {
  local patch
  mkdir -p "$1"
  tar xzf "$2"/dl/kubernetes_*.orig.tar.gz -C "$1" --strip-components=1
  tar xJf "$2"/dl/kubernetes_*.debian.tar.xz -C "$1"
  cd "$1"
  grep -v -E '^(#|$)' debian/patches/series | while read -r patch; do patch -p1 -s <"debian/patches/$patch"; done
}

# WORK, in the source: what upstream's own build generates, and the API server does not start without.
generate_openapi() {
  local packages
  go build -o "$1/bin/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
  packages=$({
    grep -rl --include=doc.go '+k8s:openapi-gen=' pkg staging/src vendor/k8s.io/kube-openapi || true
    grep -rl --include='*.go' '+k8s:openapi-gen=' staging/src/k8s.io/apimachinery pkg/version || true
  } 2>/dev/null | grep -v testdata | xargs -n1 dirname |
    sed 's#^staging/src/#k8s.io/kubernetes/vendor/#; s#^pkg#k8s.io/kubernetes/pkg#; s#^vendor#k8s.io/kubernetes/vendor#' |
    grep -v -E 'sample|code-generator|/test/|example' | sort -u | paste -sd,)
  "$1/bin/openapi-gen" --logtostderr --go-header-file hack/boilerplate/boilerplate.generatego.txt -O zz_generated.openapi \
    -p k8s.io/kubernetes/pkg/generated/openapi -i "$packages" -r "$1/violations.txt" --output-base "$GOPATH/src"
  sed -i 's#k8s.io/kubernetes/vendor/##g' pkg/generated/openapi/zz_generated.openapi.go
}

# WORK, in the source. Without a version it takes itself for one of no API.
compile_apiserver() {
  local version=v1.20.2 vendored=k8s.io/kubernetes/vendor/k8s.io
  go build -trimpath -o "$1/bin/kube-apiserver" -ldflags "-s -w \
    -X $vendored/component-base/version.gitVersion=$version -X $vendored/component-base/version.gitMajor=1 \
    -X $vendored/component-base/version.gitMinor=20 -X $vendored/client-go/pkg/version.gitVersion=$version" \
    ./cmd/kube-apiserver
}

# A subshell: it changes its folder and environment. A half made one is never at its place.
make_kubernetes() (
  set -euo pipefail
  work=$kube_cache/work
  rm -rf "$work" && mkdir -p "$work"
  private_apt "$work"
  fetch_kubernetes "$work"
  export GOROOT=$work/goroot GOPATH=$work/go GOCACHE=$work/gocache CGO_ENABLED=0 GOPROXY=off GOFLAGS='' GO111MODULE=off
  export PATH=$GOROOT/bin:$PATH
  src=$GOPATH/src/k8s.io/kubernetes
  unpack_kubernetes "$src" "$work"
  generate_openapi "$work"
  compile_apiserver "$work"
  rm -rf "$kube_cache/bin" && mv -T "$work/bin" "$kube_cache/bin"
  rm -rf "$work"
)

install_kubernetes() {
  [[ -x $(kube_bindir)/kube-apiserver && -x $(kube_bindir)/etcd ]] && return
  mkdir -p "$root/build" "$kube_cache" || die "$kube_cache cannot be made; VIGIE_KUBE_CACHE names another folder"
  timed "Building a kube-apiserver in $kube_cache (minutes)" make_kubernetes >"$kube_log" 2>&1 ||
    die "kube-apiserver could not be built; see $kube_log"
}
