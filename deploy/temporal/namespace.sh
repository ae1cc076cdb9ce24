#!/bin/sh
# Makes the namespace of TEMPORAL_NAMESPACE at TEMPORAL_ADDRESS, and in it the search attributes that Crossfade sets;
# leaves alone what is there. Temporal Cloud has the namespace already, and takes the attributes by its own page or tcld.
set -eu
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 30d
# A new namespace is known to all parts of the server after some seconds.
attempts=30
until known=$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE"); do
    attempts=$((attempts - 1))
    [ "$attempts" -gt 0 ] || exit 1
    sleep 1
done
for attribute in \
    MigrationEnvironment=Keyword MigrationName=Keyword MigrationPhase=Keyword \
    MigrationComponent=Keyword MigrationStatus=Keyword RolloutPercentage=Double; do
    case $known in
        *"${attribute%=*}"*) continue ;;
    esac
    temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" \
        --name "${attribute%=*}" --type "${attribute#*=}"
done
