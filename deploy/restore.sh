#!/bin/sh
# The contrary of backup.sh, into empty databases and an empty folder: restore.sh BACKUP ARTIFACTS TRACKING_URI AUTH_URI
set -eu
[ $# -eq 4 ] || { echo 'usage: restore.sh BACKUP ARTIFACTS TRACKING_URI AUTH_URI' >&2; exit 2; }
backup=$1 artifacts=$2 tracking=$3 auth=$4
refuse() { echo "restore: $1: nothing was restored" >&2; exit 1; }
(cd "$backup" && sha256sum --check --quiet --strict SHA256SUMS) || refuse "$backup is damaged"
[ -z "$(ls -A "$artifacts" 2>/dev/null)" ] || refuse "$artifacts is not empty"
for database in "$tracking" "$auth"; do
  tables=$(psql -XAtq -c "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'" "$database") || refuse 'no database'
  [ "$tables" = 0 ] || refuse "one of the databases has $tables tables"
done
mkdir -p "$artifacts"
cp -R "$backup/artifacts/." "$artifacts/"
pg_restore --exit-on-error --single-transaction --no-owner --dbname="$tracking" "$backup/tracking.dump"
pg_restore --exit-on-error --single-transaction --no-owner --dbname="$auth" "$backup/auth.dump"
echo "restore: $backup is restored"
