#!/usr/bin/env bash
# Puts the changelogs of a few dozen Debian packages into DIR/usr/share/doc, for machines whose
# packages were installed without documentation.  Installs nothing.
#
#   tools/demo/download_changelogs.sh DIR    does nothing where DIR exists
#
# Needs apt's lists of packages, which it fetches if there are none (apt-get update, as root).
set -euo pipefail

[ $# -eq 1 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2; }
target=$(realpath -m "$1")
[ ! -d "$target" ] || exit 0

# Old packages with long histories, in every Debian release.
packages=(
  apt base-files base-passwd bash binutils bzip2 ca-certificates coreutils cpio cron curl
  dash debconf debhelper debianutils devscripts diffutils dpkg e2fsprogs file findutils
  gawk git grep gzip hostname less libc6 lintian logrotate make man-db mawk nano openssl
  passwd patch perl procps python3 rsync screen sed tar tmux util-linux vim-common wget
  xz-utils zip
)

# Complete or not there: it gets its name at the end.
mkdir -p "$(dirname "$target")"
part=$(mktemp -d "$target.part.XXXXXX")
trap 'rm -rf "$part"' EXIT
chmod 755 "$part"
mkdir -p "$part/packages" "$part/root"
cd "$part/packages"

apt-cache show "${packages[0]}" >/dev/null 2>&1 || apt-get update -q >&2
mapfile -t known < <(apt-cache pkgnames | grep -Fx -f <(printf '%s\n' "${packages[@]}"))
apt-get download -q "${known[@]}" >&2
for package in *.deb; do
  dpkg-deb --fsys-tarfile "$package" >files.tar
  # None where the package shares the documentation of another.
  tar -tf files.tar >names
  grep -E '^\./usr/share/doc/[^/]+/changelog(\.Debian)?\.gz$' names >changelogs || continue
  tar -xf files.tar -C "$part/root" -T changelogs
done
# Another process may have been faster.
mv -T "$part/root" "$target" || [ -d "$target" ]
