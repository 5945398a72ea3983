#!/usr/bin/env python3
"""The figures of access_log, computed another way: a regular expression and exact quantiles.

usage: reference.py [OPTION...] FILE...     (plain or gzip, - is stdin; prints one JSON object)

The options are those of access_log for figures by the requests' times, in whole seconds.

It shares no code and no method with the job, so that the two can check each other. A line is
malformed where the expression does not match or the calendar has no such time.
"""

import argparse
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
    """(client, time, path, status, bytes, milliseconds), or None."""
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
        when,
        path or "-",
        int(match["status"]),
        size,
        None if seconds in (None, "-") else float(seconds) * 1000,
    )


def text(when, timespec="seconds"):
    return when.astimezone(datetime.timezone.utc).isoformat(timespec=timespec)[:-6] + "Z"


def spans(second, size, slide):
    """The beginnings of all spans of this size that hold the second, one every `slide`."""
    start = second // slide * slide
    while start > second - size:
        yield start
        start -= slide


class Timed:
    """Figures by the requests' times. Everything is kept; what the job would have closed by now
    is judged request by request."""

    def __init__(self, options):
        self.options = options
        self.latest = None
        self.late = collections.Counter()
        kinds = ("per_minute", "sliding", "alert")
        self.windows = {kind: collections.defaultdict(list) for kind in kinds}
        # Of each client: first second, last second, requests.
        self.sessions = collections.defaultdict(list)

    def add(self, when, client, path, request):
        second = int(when.timestamp())
        promised = -float("inf") if self.latest is None else self.latest - self.options.max_disorder
        self.latest = second if self.latest is None else max(self.latest, second)
        self.late[None] += second < promised
        size, slide = self.options.window, self.options.slide
        for kind, key, size, slide in (
            ("per_minute", None, 60, 60),
            ("sliding", None, size, slide),
            ("alert", path, size, slide),
        ):
            starts = list(spans(second, size, slide))
            in_time = [at for at in starts if at + size + self.options.lateness > promised]
            for at in in_time:
                self.windows[kind][at, at + size, key].append(request)
            self.late[kind] += len(in_time) < len(starts)
        self.visit(second, client, request, promised)

    def visit(self, second, client, request, promised):
        gap = self.options.session_gap
        is_open = lambda last: last + gap + self.options.lateness >= promised
        joined, others = [(second, second, [request])], []
        for session in self.sessions[client]:
            first, last, _ = session
            touches = first - gap <= second <= last + gap and is_open(last)
            (joined if touches else others).append(session)
        last = max(last for _, last, _ in joined)
        if not is_open(last):
            self.late["session"] += 1
            return
        requests = [request for _, _, requests in joined for request in requests]
        self.sessions[client] = others + [(min(first for first, _, _ in joined), last, requests)]

    def report(self):
        when = lambda second: text(datetime.datetime.fromtimestamp(second, datetime.timezone.utc))
        row = lambda start, end, key, requests: [key, when(start), when(end), figures(requests)]
        rows = {
            kind: [row(*window, requests) for window, requests in sorted(self.windows[kind].items())]
            for kind in ("per_minute", "sliding")
        }
        # Only the report of minutes and spans tells request times.
        bare = lambda requests: [(status, size, None) for status, size, _ in requests]
        rows["alert"] = [
            row(*window, bare(requests))
            for window, requests in sorted(self.windows["alert"].items())
            if figures(requests)["error_rate"] > self.options.alerts
        ]
        sessions = [
            (-len(requests), first, last, client, requests)
            for client, sessions in self.sessions.items()
            for first, last, requests in sessions
        ]
        sessions.sort(key=lambda session: session[:4])
        rows["session"] = [row(first, last, client, bare(r)) for _, first, last, client, r in sessions]
        kinds = (None, "per_minute", "sliding", "session", "alert")
        return rows | {"late": [[kind, self.late[kind]] for kind in kinds]}


def report(options):
    malformed, everything, delivered = [], [], collections.Counter()
    paths, statuses = collections.defaultdict(list), collections.defaultdict(list)
    clients, minutes = collections.Counter(), collections.Counter()
    timed = Timed(options)
    for name in options.files:
        for number, line in enumerate(lines(name), 1):
            parsed = parse(line)
            if parsed is None:
                malformed.append([name, number])
                continue
            client, when, path, *request = parsed
            timed.add(when, client, path, request)
            everything.append(request)
            paths[path].append(request)
            statuses[str(request[0])].append(request)
            clients[client] += 1
            minutes[text(when, "minutes")] += 1
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
        **timed.report(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    for name, default in (
        ("--max-disorder", 10),
        ("--lateness", 0),
        ("--window", 300),
        ("--slide", 60),
        ("--session-gap", 1800),
    ):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--alerts", type=float, default=0.0)
    json.dump(report(parser.parse_args()), sys.stdout, ensure_ascii=True)


if __name__ == "__main__":
    main()
