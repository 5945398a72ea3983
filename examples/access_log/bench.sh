#!/usr/bin/env bash
# Throughput over a log of 1 GB (by repetition): the plain loop on one thread, and the graph.
#
#   bench.sh [LOG]      the committed sample unless told; say TMPDIR if /tmp is small
#   bench.sh --smoke    10 MB, once, compiled as for tests: whether it runs, no figures
#
# The variants take turns, and every report must be the plain loop's, byte for byte. A graph of one
# worker reads ahead on another thread; on one processor (taskset) it has no more than the loop has.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
log=$here/sample/access.log bytes=1000000000 rounds=5 profile=release
what=(-p streamweave-examples)
case ${1:-} in
# The tests of the workspace have compiled this very program.
--smoke) bytes=10000000 rounds=1 profile=dev what=(--workspace --all-features --examples) ;;
?*) log=$1 ;;
esac
cargo build --quiet --profile "$profile" "${what[@]}" --bin access_log \
    --manifest-path "$here/../Cargo.toml"
program=${CARGO_TARGET_DIR:-$here/../../target}/${profile/dev/debug}/access_log

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
while [ "$(stat -c %s "$dir/log" 2>/dev/null || echo 0)" -lt "$bytes" ]; do
    cat "$log" >>"$dir/log"
done
size=$(stat -c %s "$dir/log")
echo "$size bytes, $(wc -l <"$dir/log") lines, $(nproc) processors, MB/s (median of $rounds)"

variants=("plain loop: --plain" "graph, 1 worker: --workers 1" "graph, 2 workers: --workers 2")
if command -v taskset >/dev/null; then
    cpu=$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')
    variants+=("graph, 1 worker, on one processor: --workers 1")
fi
for _ in $(seq "$rounds"); do
    for at in "${!variants[@]}"; do
        options=${variants[at]##*: }
        on=()
        [[ ${variants[at]} != *"one processor"* ]] || on=(taskset -c "$cpu")
        start=$(date +%s%N)
        # shellcheck disable=SC2086 # several words
        "${on[@]}" "$program" "$dir/log" --output jsonl $options >"$dir/report"
        echo $((size * 1000 / ($(date +%s%N) - start))) >>"$dir/$at"
        [ -e "$dir/expected" ] || cp "$dir/report" "$dir/expected"
        cmp "$dir/expected" "$dir/report"
    done
done
for at in "${!variants[@]}"; do
    echo "${variants[at]%: *}: $(sort -n "$dir/$at" | sed -n "$((rounds / 2 + 1))p")"
done
