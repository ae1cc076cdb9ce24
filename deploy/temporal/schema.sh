#!/bin/sh
# Brings Temporal's two databases to the schema of this version of its tools; does nothing where they have it.
set -eu
for database in temporal temporal_visibility; do
    case $database in
        temporal) versions=temporal ;;
        temporal_visibility) versions=visibility ;;
    esac
    set -- --plugin postgres12 --ep postgres -p 5432 -u temporal --db "$database"
    temporal-sql-tool "$@" setup-schema -v 0.0
    temporal-sql-tool "$@" update-schema -d "/etc/temporal/schema/postgresql/v12/$versions/versioned"
done
