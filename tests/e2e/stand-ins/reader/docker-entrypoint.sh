#!/bin/sh
# Stands in for the entrypoints of images that read variables ending in `_FILE`, as they do it: the file's content becomes
# the variable without that end, both together are refused, and so is a file that is not to be read.
for variable in $(env); do
    file=${variable%%=*}
    case $file in
        *__FILE) name=${file%__FILE} ;;
        *_FILE) name=${file%_FILE} ;;
        *) continue ;;
    esac
    eval "path=\$$file value=\${$name-}"
    if [ -n "$value" ]; then
        echo "error: both $name and $file are set (but are exclusive)" >&2
        exit 1
    fi
    [ -r "$path" ] || { echo "error: $path is not to be read" >&2; exit 1; }
    value=$(cat "$path")
    export "$name=$value"
    unset "$file"
done
exec "$@"
