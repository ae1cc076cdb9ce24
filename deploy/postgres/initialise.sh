#!/bin/sh
# Run once by the Postgres image, when its volume is empty.
set -eu
for file in crossfade temporal airports; do
    psql --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres --file "/deploy/$file.sql"
done
