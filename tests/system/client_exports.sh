#!/bin/sh
# client_exports.sh: libzk.so exports exactly the functions that zk.h declares, and zk.h compiles alone, as C and C++.
set -eu
top=${srcdir:-.}
header=$top/client/zk.h
library=.libs/libzk.so
[ -e "$library" ] || { echo "no $library: libzk was not built shared"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
grep -oE '\bzk_[a-z0-9_]+\(' "$header" | grep -v '_fn($' | tr -d '(' | sort -u > "$work/declared"
nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort -u > "$work/exported"
diff "$work/declared" "$work/exported"
printf '#include "client/zk.h"\n#include "client/zk.h"\nint main(void) { return zk_err_text(0) == 0; }\n' > "$work/one.c"
${CC:-cc} -std=c99 -pedantic -Wall -Wextra -Werror -I"$top" -fsyntax-only "$work/one.c"
if command -v c++ > /dev/null; then
    c++ -pedantic -Wall -Wextra -Werror -I"$top" -fsyntax-only -x c++ "$work/one.c"
fi
