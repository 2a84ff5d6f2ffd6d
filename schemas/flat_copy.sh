#!/bin/sh
# flat_copy.sh FOLDER FBS...: copies schemas into FOLDER for flatc's C++ generator: in the namespace vectron_flat, so that
# its types do not meet our structs, and without the attributes that our own reader checks.
set -eu
folder=$1
shift
for file in "$@"; do
  sed -E -e 's/\bvectron\.(api|wire|stored|test)\b/vectron_flat.\1/g' -e 's/ \((required|flexbuffer)\);/;/' \
    "$file" > "$folder/$(basename "$file")"
done
