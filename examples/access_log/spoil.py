#!/usr/bin/env python3
"""Inserts damaged lines, each at a fixed place, into the log on stdin: copies of the line before
them with one thing broken. Says on stderr which line numbers they got."""

import re
import sys

DAMAGE = [
    (100, lambda l: l[:20]),
    (300, lambda l: l[:60]),
    (500, lambda l: l[: l.index(b'"') + 9]),
    (700, lambda l: l[: l.rindex(b'"')]),
    (900, lambda l: b""),
    (1100, lambda l: b"\x00\x01\x02\xff\xfe\x80 binary \xc3\x28"),
    (1300, lambda l: l.replace(b"GET ", b"GET \xff\xfe", 1).replace(b"POST ", b"POST \xff\xfe", 1)
        .replace(b"HEAD ", b"HEAD \xff\xfe", 1)),
    (1500, lambda l: re.sub(rb"\[\d+/", b"[32/", l, count=1)),
    (1700, lambda l: re.sub(rb"\[\d+/[A-Z][a-z]+/", b"[30/Feb/", l, count=1)),
    (1900, lambda l: re.sub(rb"/[A-Z][a-z]{2}/", b"/Foo/", l, count=1)),
    (2100, lambda l: re.sub(rb":\d\d:\d\d:\d\d ", b":25:61:00 ", l, count=1)),
    (2300, lambda l: re.sub(rb" [+-]\d{4}\]", b" UTC]", l, count=1)),
    (2500, lambda l: re.sub(rb'" \d{3} ', b'" 20x ', l, count=1)),
    (2700, lambda l: re.sub(rb'" \d{3} ', b'" 999 ', l, count=1)),
    (2900, lambda l: re.sub(rb'" (\d{3}) \d+', rb'" \1 -12', l, count=1)),
    (3100, lambda l: re.sub(rb'" (\d{3}) \d+', rb'" \1 99999999999999999999999', l, count=1)),
    (3300, lambda l: re.sub(rb"\d+\.\d+$", b"soon", l)),
    (3500, lambda l: l + b" and more"),
    (3700, lambda l: b'Nov 23 12:00:00 localhost kernel: eth0: link is up'),
    (3900, lambda l: l.replace(b'"', b"'")),
]

out = sys.stdout.buffer
number = 0
damage = dict(DAMAGE)
for count, line in enumerate(sys.stdin.buffer, 1):
    out.write(line)
    number += 1
    if count in damage:
        number += 1
        out.write(damage[count](line.rstrip(b"\n")) + b"\n")
        print(f"damaged line {number}", file=sys.stderr)
