#!/usr/bin/env bash
# Throughput over a log of 1 GB (by repetition): the plain loop on one thread.
#
#   bench.sh [LOG]    the committed sample unless told; say TMPDIR if /tmp is small
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
log=${1:-$here/sample/access.log}
cargo build --quiet --release -p streamweave-examples --bin access_log \
    --manifest-path "$here/../Cargo.toml"
program=${CARGO_TARGET_DIR:-$here/../../target}/release/access_log

big=$(mktemp)
trap 'rm -f "$big"' EXIT
while [ "$(stat -c %s "$big")" -lt 1000000000 ]; do
    cat "$log"
done >>"$big"
size=$(stat -c %s "$big")
echo "$size bytes, $(wc -l <"$big") lines, $(nproc) processors"

median() {
    for _ in 1 2 3 4 5; do
        start=$(date +%s%N)
        "$program" "$big" --output jsonl "$@" >/dev/null
        echo $((size * 1000 / ($(date +%s%N) - start)))
    done | sort -n | sed -n 3p
}
for workers in 1 2; do
    echo "graph, $workers worker(s): $(median --workers "$workers") MB/s (median of 5)"
done
echo "plain loop: $(median --plain) MB/s (median of 5)"
