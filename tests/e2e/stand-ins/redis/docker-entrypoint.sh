#!/bin/sh
# What kz's tests need of the official image's entrypoint, as that one behaves: the server runs as uid 999.
set -eu

if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
    chown 999:999 /data
    exec /usr/bin/setpriv --reuid=999 --regid=999 --clear-groups "$0" "$@"
fi
exec "$@"
