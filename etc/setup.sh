# What ./run, ./check and the scripts of perf/ and tests/ share: packages and the build. Sourced; expects `here`, the folder of the sources.

say() { printf '%s\n' "parley: $*" >&2; }
die() { say "$*"; exit 1; }

# missing_packages LIST…
missing_packages() {
  local wanted installed
  wanted=$(cd "$here/etc" && sed 's/#.*//; /^[[:space:]]*$/d' "$@" | sort -u)
  if command -v npm >/dev/null; then wanted=$(grep -vx npm <<< "$wanted"); fi
  # An unknown package is one that is missing: its line just does not come.
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
    awk '$2 == "installed" { print $1 }' | sort -u)
  comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$installed")
}

# Debian starts a server when its package is installed, makes a database cluster for it, and starts both at
# each boot. Parley runs private instances; a server that was not on this machine before shall not run
# because of us. What was there before stays as it is.
# install_packages LIST…: names of files in etc/.
install_packages() {
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  say "installing:" $missing
  if [ "$(id -u)" = 0 ]; then
    bash "$here/etc/install_packages.sh" $missing
  elif command -v sudo >/dev/null; then
    sudo bash "$here/etc/install_packages.sh" $missing
  else
    die "these packages are missing, and neither are you root nor is there sudo:" $missing
  fi
  missing=$(missing_packages "$@")
  [ -z "$missing" ] || die "still missing after the installation:" $missing
}

# build PRESET [TARGET…]
build() {
  local preset=$1
  shift
  cd "$here"
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"
  cmake --build --preset "$preset" ${1:+--target "$@"}
}

# The same, without a word unless it fails. What is current is not built again.
build_quietly() {
  local output
  output=$(build "$@" 2>&1) || { printf '%s\n' "$output" >&2; die "cannot build $*"; }
}
