# SPDX-License-Identifier: Apache-2.0
# Sourced by scripts/demo and scripts/test: `prepare EXTRAS [PACKAGE...]` makes everything that they need.
#
#   system packages   what Debian lacks (installed when root, else named in one line, exit 2)
#   .venv             Python's virtual environment in this checkout
#   torch             one >= 2.11 already in .venv is kept; else ACTION_IMAGES_TORCH, by default torch==2.13.0
#   this project      compiled in build/release and installed into .venv, again when a source changed
#
# Each step is skipped when nothing changed. Details go to build/setup.log.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=$ROOT/.venv/bin/python
BUILD=$ROOT/build/release
LOG=$ROOT/build/setup.log
SYSTEM_PACKAGES="g++ cmake ninja-build pkg-config ccache libeigen3-dev libxtensor-dev nlohmann-json3-dev doctest-dev
  libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libsentencepiece-dev zlib1g-dev libosmesa6"

say() { printf '[setup] %s\n' "$*"; }

fail() {
  printf '[setup] %s\n' "$*" >&2
  exit 1
}

# Runs a command with its output in the log; shows the log's end when it fails.
logged() {
  "$@" >>"$LOG" 2>&1 || { tail -n 30 "$LOG" >&2; fail "failed: $* (all of it: $LOG)"; }
}

# True for a Python that can make environments and compile modules.
usable_python() {
  "$1" - 2>/dev/null <<'PYTHON'
import ensurepip, os, sys, sysconfig, venv
header = os.path.join(sysconfig.get_path("include"), "Python.h")
sys.exit(not (sys.version_info >= (3, 10) and os.path.exists(header)))
PYTHON
}

base_python() {
  local candidate
  for candidate in "$PYTHON" python3.11 python3 python3.12 python3.13 python3.10 /usr/bin/python3; do
    if usable_python "$candidate"; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

system_packages() {
  local package missing=()
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian system: expecting the libraries of README.md to be there"
    return 0
  fi
  for package in $SYSTEM_PACKAGES "$@" $(base_python >/dev/null || echo python3 python3-venv python3-dev); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    say "these packages are missing; run this, then start again:" >&2
    echo "sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 2
  fi
  say "installing ${#missing[@]} system packages"
  apt-get -q update >>"$LOG" 2>&1 || say "apt-get update failed, going on with the lists at hand"
  DEBIAN_FRONTEND=noninteractive logged apt-get -q install -y --no-install-recommends "${missing[@]}"
}

pip_install() { logged "$PYTHON" -m pip install --disable-pip-version-check "$@"; }

virtual_environment() {
  if ! usable_python "$PYTHON" || ! grep -qF "$ROOT/.venv" "$ROOT/.venv/bin/activate"; then
    say "creating .venv"
    local base
    base=$(PYTHON=python3 base_python) || fail "no Python >= 3.10 with venv and headers found"
    logged "$base" -m venv --clear "$ROOT/.venv"
  fi
}

# Prints torch's version if .venv has it.
torch_version() {
  "$PYTHON" -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null || true
}

new_enough() { [ "$(printf '%s\n' 2.11 "$1" | sort -V | head -n 1)" = 2.11 ]; }

torch_package() {
  local version
  version=$(torch_version)
  if [ -z "$version" ] || ! new_enough "$version"; then
    say "installing torch (some minutes)"
    # Unquoted: the variable may hold options too, such as an index of CPU-only packages.
    pip_install ${ACTION_IMAGES_TORCH:-torch==2.13.0}
    version=$(torch_version)
  fi
  echo "torch==${version%%+*}" >"$ROOT/build/constraints.txt"
}

# One number for the contents of everything that the package is built from.
source_hash() {
  (cd "$ROOT" && find CMakeLists.txt pyproject.toml README.md LICENSE cmake include src bindings python \
    -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c -64)
}

# Shows how far the compiler is, from the log lines of ninja.
progress() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$LOG"
    [[ $line =~ ^\ *\[([0-9]+)/([0-9]+)\]\  ]] || continue
    if [ -t 1 ]; then
      printf '\r[setup] compiling %s of %s ' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    elif ((BASH_REMATCH[1] > 0 && BASH_REMATCH[1] % 10 == 0)); then
      say "compiling ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}"
    fi
  done
  [ ! -t 1 ] || printf '\r\033[K'
}

# A unit of the model part takes up to 2 GB to compile.
set_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ {print int($2 / 2500000)}' /proc/meminfo)
  export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$((memory < 1 ? 1 : memory < cores ? memory : cores))}
}

project() {
  local extras=$1 stamp state requirements
  stamp=$ROOT/.venv/action_images_installed
  requirements="$extras $(torch_version) $(sha256sum <"$ROOT/pyproject.toml" | cut -c -64)"
  state="$requirements $(source_hash)"
  if [ -f "$BUILD/CMakeCache.txt" ] && grep -qxF "$state" "$stamp" 2>/dev/null; then
    return 0
  fi
  local options=(--no-build-isolation "--config-settings=build-dir=build/release"
    "--config-settings=cmake.define.ACTION_IMAGES_TESTS=ON" "--config-settings=cmake.define.ACTION_IMAGES_EXAMPLES=ON"
    --constraint "$ROOT/build/constraints.txt")
  if grep -qF "$requirements" "$stamp" 2>/dev/null; then
    options+=(--no-deps)
  fi
  say "building and installing action_images [$extras] with $CMAKE_BUILD_PARALLEL_LEVEL compilers"
  pip_install "scikit-build-core>=0.10" "pybind11>=3" "numpy>=1.22"
  if ! (cd "$ROOT" && "$PYTHON" -m pip install -v --disable-pip-version-check "${options[@]}" ".[$extras]") 2>&1 | progress; then
    tail -n 40 "$LOG" >&2
    fail "the build failed (all of it: $LOG)"
  fi
  # The states of the other selections of extras stay valid only when they name the same sources.
  { grep -F "$(source_hash)" "$stamp" 2>/dev/null || true; echo "$state"; } >"$stamp.new"
  mv "$stamp.new" "$stamp"
}

prepare() {
  local extras=$1
  shift
  mkdir -p "$ROOT/build"
  : >"$LOG"
  system_packages "$@"
  virtual_environment
  torch_package
  set_jobs
  project "$extras"
}
