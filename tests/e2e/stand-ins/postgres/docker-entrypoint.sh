#!/bin/sh
# What kz's tests need of the official image's entrypoint, as that one behaves: variables may come from files,
# the server runs as uid 999, the first start makes the cluster with the password, and whoever comes over the
# network must prove it by scram. Refuses to make a cluster without a password. As docker-ensure-initdb.sh, which the
# official image has beside it, it makes the cluster and ends.
set -eu

file_variable() { # NAME [DEFAULT]
    eval "value=\${$1-} file=\${${1}_FILE-}"
    if [ -n "$value" ] && [ -n "$file" ]; then
        echo "error: both $1 and ${1}_FILE are set (but are exclusive)" >&2
        exit 1
    fi
    if [ -n "$file" ]; then value=$(cat "$file"); fi
    export "$1=${value:-${2-}}"
    unset "${1}_FILE"
}

[ "${1-}" = postgres ] || exec "$@"

file_variable POSTGRES_PASSWORD
file_variable POSTGRES_USER postgres
file_variable POSTGRES_DB "$POSTGRES_USER"

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /run/postgresql
    chmod 0700 "$PGDATA"
    chown 999:999 "$PGDATA" /run/postgresql
    exec /usr/bin/setpriv --reuid=999 --regid=999 --clear-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "$POSTGRES_PASSWORD" ]; then
        echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
        exit 1
    fi
    printf '%s\n' "$POSTGRES_PASSWORD" |
        initdb --username="$POSTGRES_USER" --pwfile=/dev/stdin --auth=trust --encoding=UTF8 --locale=C --no-sync
    printf 'host all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
    printf "listen_addresses = '*'\n" >> "$PGDATA/postgresql.conf"
    if [ "$POSTGRES_DB" != postgres ]; then
        printf 'CREATE DATABASE "%s"\n' "$POSTGRES_DB" | postgres --single -D "$PGDATA" postgres > /dev/null
    fi
fi
[ "${0##*/}" = docker-ensure-initdb.sh ] || exec "$@"
