# Shared by Jobs/quickstart and Jobs/test: packages, and where the build goes. Sourced, not run.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=${MUNIMENT_SCRATCH_PATH:-$repository/.build}

# Generated sources keep their order from run to run, so that a second build finds nothing to do.
export SWIFT_DETERMINISTIC_HASHING=1

# What the build and the tests link with and start. PostgreSQL is added below, as its package's name has the version.
packages=(
  ca-certificates curl git libarchive-dev libcurl4-openssl-dev libpq-dev libsimdjson-dev libsodium-dev libutf8proc-dev
  libxapian-dev libzstd-dev
  pkg-config python3 zlib1g-dev zstd
  # Other people's programs, which tests open exports and check signatures with.
  age file libarchive-tools libxml2-utils notmuch openssl python3-jsonschema unzip zip
  # What the second reader of segments is written with.
  python3-nacl python3-zstandard
  # A token in software, for root keys behind PKCS#11.
  opensc softhsm2
)

# A browser and its fonts, and what virtual environments are made with: for more of other people's programs, which tests
# ask where they are there.
viewer_packages=(chromium fonts-noto-cjk fonts-noto-color-emoji fonts-noto-core python3-venv)
# From PyPI, into an environment of the build's own.
viewer_libraries=(duckdb slack-export-viewer)

# A real S3 server: Ceph's, which checks signatures and enforces locks. Only tests need it.
object_store_packages=(ceph-common ceph-mgr ceph-mon ceph-osd radosgw)

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  exit 1
}

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Any version from 15 on will do; only its programs are used, never a cluster of the distribution's.
has_postgresql() {
  local directory version
  for directory in /usr/lib/postgresql/*/bin; do
    version=$(basename "$(dirname "$directory")")
    [[ $version =~ ^[0-9]+$ && $version -ge 15 && -x $directory/initdb ]] && return 0
  done
  return 1
}

# Installs what is missing and nothing else.
install_packages() {
  command -v swift >/dev/null || fail "there is no swift in PATH; install a Swift 6.2 or later toolchain first"
  command -v dpkg-query >/dev/null || fail "this is not Debian or Ubuntu; install by hand: ${packages[*]} postgresql-15"
  local package missing=()
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  has_postgresql || missing+=(postgresql-15)
  if ((${#missing[@]} == 0)); then
    echo "all Debian packages are there"
    return
  fi
  if ((EUID != 0)); then
    fail "missing Debian packages; as root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  apt-get update -q
  if [[ " ${missing[*]} " == *" postgresql-15 "* ]] && ! apt-cache show postgresql-15 >/dev/null 2>&1; then
    missing=("${missing[@]/#postgresql-15/postgresql}")
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
  has_postgresql || fail "the installed PostgreSQL is older than 15; install a newer one and start again"
}

# Without the server its tests are skipped, which must not go unnoticed.
install_object_store() {
  local package missing=()
  for package in "${object_store_packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  if ((EUID == 0)) && apt-get update -q &&
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; then
    return 0
  fi
  printf '\n!! NOT TESTED: the S3 store, as these packages could not be installed: %s\n\n' "${missing[*]}" >&2
}

# As with the object store: what could not be had is said.
install_viewers() {
  local package missing=() environment="$scratch/viewers"
  for package in "${viewer_packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  if ((${#missing[@]} > 0)) && ! { ((EUID == 0)) && apt-get update -q &&
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; }; then
    printf '\n!! NOT TESTED: pages in a browser, as these packages could not be installed: %s\n\n' "${missing[*]}" >&2
  fi
  if ! "$environment/bin/python" -c 'import duckdb, slackviewer' 2>/dev/null &&
    ! { python3 -m venv "$environment" && "$environment/bin/pip" install -q "${viewer_libraries[@]}"; }; then
    printf '\n!! NOT TESTED: readers of exports that could not be installed: %s\n\n' "${viewer_libraries[*]}" >&2
    return 0
  fi
  export MUNIMENT_VIEWERS_PYTHON="$environment/bin/python"
}
