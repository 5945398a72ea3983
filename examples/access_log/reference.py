#!/usr/bin/env python3
"""The figures of access_log, computed another way: a regular expression and exact quantiles.

usage: reference.py FILE...     (plain or gzip, - is stdin; prints one JSON object)

It shares no code and no method with the job, so that the two can check each other. A line is
malformed where the expression does not match or the calendar has no such time.
"""

import collections
import datetime
import gzip
import json
import re
import sys

QUOTED = r'"((?:[^"\\]|\\.)*)"'
LINE = re.compile(
    r"(?P<client>[^ ]+) [^ ]+ (?P<user>(?:(?! \[).)+) "
    r"\[(?P<minute>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d):(?P<second>[0-5]\d|60)(?P<zone> [+-]\d{4})\] "
    + QUOTED.replace("(", "(?P<request>", 1)
    + r" (?P<status>[1-5][0-9]{2}) (?P<bytes>-|[0-9]+)"
    + rf"(?: {QUOTED} {QUOTED})?(?: (?P<seconds>-|[0-9]+(?:\.[0-9]+)?))?",
    re.DOTALL | re.ASCII,
)
REQUEST = re.compile(r"[A-Z_-]+ (?P<target>.+?)(?: HTTP/[^ ]*)?", re.DOTALL)


def figures(requests):
    """Figures of a list of (status, bytes, milliseconds or None)."""
    times = sorted(ms for _, _, ms in requests if ms is not None)
    row = {
        "requests": len(requests),
        "bytes": sum(size for _, size, _ in requests),
        "client_errors": sum(400 <= status < 500 for status, _, _ in requests),
        "server_errors": sum(status >= 500 for status, _, _ in requests),
    }
    row["error_rate"] = row["server_errors"] / max(1, len(requests))
    for percent in (50, 90, 99) if times else ():
        row[f"p{percent}_ms"] = times[int(percent / 100 * (len(times) - 1))]
    return row


def lines(name):
    data = sys.stdin.buffer.read() if name == "-" else open(name, "rb").read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    rows = data.split(b"\n")
    return rows[:-1] if rows[-1] == b"" else rows


def parse(line):
    """(client, minute, path, status, bytes, milliseconds), or None."""
    try:
        match = LINE.fullmatch(line.removesuffix(b"\r").decode())
        if not match:
            return None
        when = datetime.datetime.strptime(match["minute"] + match["zone"], "%d/%b/%Y:%H:%M %z")
        when += datetime.timedelta(seconds=int(match["second"]))
    except ValueError:
        return None
    size = int(match["bytes"].replace("-", "0"))
    if size >= 2**64:
        return None
    request = REQUEST.fullmatch(match["request"])
    path = request["target"].split("?")[0] if request else "-"
    seconds = match["seconds"]
    return (
        match["client"],
        when.astimezone(datetime.timezone.utc).isoformat(timespec="minutes")[:16] + "Z",
        path or "-",
        int(match["status"]),
        size,
        None if seconds in (None, "-") else float(seconds) * 1000,
    )


def report(names):
    malformed, everything, delivered = [], [], collections.Counter()
    paths, statuses = collections.defaultdict(list), collections.defaultdict(list)
    clients, minutes = collections.Counter(), collections.Counter()
    for name in names:
        for number, line in enumerate(lines(name), 1):
            parsed = parse(line)
            if parsed is None:
                malformed.append([name, number])
                continue
            client, minute, path, *request = parsed
            everything.append(request)
            paths[path].append(request)
            statuses[str(request[0])].append(request)
            clients[client] += 1
            minutes[minute] += 1
            delivered[path] += request[0] in (200, 206, 304)
    ranked = lambda counts: sorted((-n, key) for key, n in counts.items() if n)
    return {
        "malformed": malformed,
        "total": figures(everything),
        "path": {path: figures(requests) for path, requests in paths.items()},
        "status": {status: figures(requests) for status, requests in statuses.items()},
        "page": [[key, -n] for n, key in ranked(delivered)],
        "client": [[key, -n] for n, key in ranked(clients)],
        "minute": [[key, minutes[key]] for key in sorted(minutes)],
    }


if __name__ == "__main__":
    json.dump(report(sys.argv[1:]), sys.stdout, ensure_ascii=True)
