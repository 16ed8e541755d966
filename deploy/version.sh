#!/bin/sh
# Prints which build this tree makes, as dpkg sorts versions. usage: version.sh VERSION
#   1.0.0                                       not a clone
#   1.0.0+git20260131120000.42.g0123456789ab    when the commit was made, how many there are up to it, and which it is
#   ...g0123456789ab.dirty1769864400            and when a file was last changed since
# The instant comes first because a shallow clone does not know how many commits there are.
cd "$(dirname "$0")/.." || exit 1

# Of this folder alone: one above may be another clone. Whoever owns it, root may ask.
in_clone() { TZ=UTC0 git --git-dir=.git "$@" 2>/dev/null; }

commit=$(in_clone log -1 --abbrev=12 --date=format-local:%Y%m%d%H%M%S --format='%cd %h') || { echo "$1"; exit; }
version=$1+git${commit% *}.$(in_clone rev-list --count HEAD).g${commit#* }

changed() { in_clone diff --name-only -z HEAD; in_clone ls-files -z --others --exclude-standard; }
if changed | grep -q .; then
    version=$version.dirty$(changed | xargs -0 stat -c %Y 2>/dev/null | sort -n | tail -n 1)
fi
echo "$version"
