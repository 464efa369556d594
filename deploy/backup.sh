#!/bin/sh
# A copy of the databases and of the artifacts: backup.sh TO ARTIFACTS TRACKING_URI AUTH_URI
#
# The databases first: a run that they name has its files by then, or gets them after the copy; no file is ever changed.
# The folder TO/DATE appears complete or not at all. Files that the last backup has are linked, not copied again.
set -eu
[ $# -eq 4 ] || { echo 'usage: backup.sh TO ARTIFACTS TRACKING_URI AUTH_URI' >&2; exit 2; }
to=$1 artifacts=$2 tracking=$3 auth=$4
umask 077
mkdir -p "$to"
last=$(find "$to" -maxdepth 1 -name '20*Z' -type d | sort | tail -n 1)
part=$(mktemp -d "$to/.part.XXXXXX")
trap 'rm -rf "$part"' EXIT
pg_dump --format=custom --no-owner --file="$part/tracking.dump" "$tracking"
pg_dump --format=custom --no-owner --file="$part/auth.dump" "$auth"
if [ -n "$last" ]; then cp -al "$last/artifacts" "$part/artifacts"; else mkdir "$part/artifacts"; fi
# --remove-destination: a file of other bytes must not be written through the link into the last backup.
(cd "$artifacts" && find . -type f ! -path '*/.*' | while read -r file; do
  cmp -s "$file" "$part/artifacts/$file" && continue
  mkdir -p "$part/artifacts/$(dirname "$file")"
  cp -p --remove-destination "$file" "$part/artifacts/$file"
done)
(cd "$part" && find artifacts ./*.dump -type f -exec sha256sum {} + > SHA256SUMS)
name=$(date -u +%Y%m%dT%H%M%SZ)
mv "$part" "$to/$name"
trap - EXIT
echo "$to/$name"
