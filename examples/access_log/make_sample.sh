#!/usr/bin/env bash
# Makes access logs: a real nginx on a loopback port, asked by real clients (traffic.py).
#
#   make_sample.sh large DIR [REQUESTS]   as fast as it goes; 101000 requests unless told
#   make_sample.sh small DIR              8000 requests in five minutes: the committed sample
#
# Needs nginx ("apt-get install nginx", or NGINX_BIN=/path/to/nginx), python3, gzip. Installs nothing,
# needs no rights, stops what it started. Times, sizes, addresses and latencies are what nginx
# logged; only the damaged lines of the small sample are made (spoil.py).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
nginx=${NGINX_BIN:-$(command -v nginx || echo /usr/sbin/nginx)}
port=${PORT:-18080}
mode=${1:-}
out=${2:-}
case $mode in
large) requests=${3:-101000} seconds=0 rate=1000 ;;
small) requests=8000 seconds=290 rate=4 ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
[ -n "$out" ] || { echo "say in which folder the logs should go" >&2; exit 2; }
[ -x "$nginx" ] || { echo "no nginx at $nginx: apt-get install nginx, or set NGINX_BIN" >&2; exit 1; }

dir=$(mktemp -d)
server=
stop() {
    [ -z "$server" ] || { kill -QUIT "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf "$dir"
}
trap stop EXIT

# A small site; the sizes follow from the numbers, so every run serves the same bytes.
page() {
    mkdir -p "$dir/site/$(dirname "$1")"
    head -c "$2" /dev/zero | tr '\0' 'x' >"$dir/site/$1"
}
page index.html 4210
page style.css 11873
page about.html 2950
page contact.html 1312
page logo.png 18244
page admin/index.html 777
page api/search.json 640
page api/quota.json 48
for n in $(seq 30); do page "products/$n.html" $((900 + n * n * 37)); done
for n in $(seq 20); do page "blog/$n.html" $((2400 + (n * 7919) % 26000)); done
for n in $(seq 5); do page "download/$n.bin" $((n * 61440)); done
printf '%s\n' 'alice:{PLAIN}wonder' 'mary ann:{PLAIN}secret' >"$dir/users"

mkdir "$dir/tmp"
sed -e "s|@DIR@|$dir|g" -e "s|@PORT@|$port|" -e "s|@RATE@|$rate|" \
    "$here/nginx.conf" >"$dir/nginx.conf"
"$nginx" -p "$dir" -e "$dir/error.log" -c "$dir/nginx.conf" &
server=$!
for _ in $(seq 50); do
    python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || { cat "$dir/error.log" >&2; exit 1; }
    sleep 0.1
done

python3 "$here/traffic.py" "$port" "$requests" "$seconds"
kill -QUIT "$server" && wait "$server" || true
server=

mkdir -p "$out"
if [ "$mode" = large ]; then
    cp "$dir/timed.log" "$out/access.log"
    cp "$dir/common.log" "$out/common.log"
    wc -lc "$out/access.log" "$out/common.log"
else
    # Three slices of one run: timed lines, combined lines (gzip), common lines.
    sed -n '1,4200p' "$dir/timed.log" | python3 "$here/spoil.py" >"$out/access.log"
    sed -n '4201,6700p' "$dir/combined.log" | gzip -9n >"$out/access.log.gz"
    sed -n '6701,8000p' "$dir/common.log" >"$out/common.log"
    wc -lc "$out"/*
fi
