#!/usr/bin/env python3
"""HTTP clients for make_sample.sh: real connections from many loopback addresses.

usage: traffic.py PORT REQUESTS SECONDS [SEED]

Sends REQUESTS requests, evenly at random over SECONDS (0: as fast as the server answers), then
stops. Clients and pages are popular by Zipf's law. Standard library only.
"""

import asyncio
import base64
import bisect
import itertools
import random
import sys
import time

CONNECTIONS = 48
ADDRESSES = [f"127.{a}.{b}.{c}" for a in (0, 1, 7) for b in (0, 2, 16) for c in range(2, 42)]
PAGES = (
    ["/", "/style.css", "/about.html", "/contact.html", "/logo.png"]
    + [f"/products/{n}.html" for n in range(1, 31)]
    + [f"/blog/{n}.html" for n in range(1, 21)]
    + [f"/download/{n}.bin" for n in range(1, 6)]
)
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1",
    "curl/7.88.1",
    "SampleBot/2.1 (+http://localhost/bot.html)",
    'Reader "Deluxe" 3.0 [en]',
    "C:\\Programme\\Leser\\1.0",
    "Zeitungsläufer/1.0 (für Übersicht)",
    "",
]
WEIRD = [
    "/products/1.html?ref=mail&utm=%22spring%20sale%22",
    "/blog/2.html?q=a+b%26c&q=&=x",
    "/blog/%33.html",
    "/products//4.html",
    "/about.html;v=1?a=b?c=d",
    "/caf%C3%A9",
    "/..%2f..%2fetc/passwd",
    "/wp-login.php",
    "/a[1]{2}|3^4`5'",
    "/quote\"in\"path",
    "/" + "long/" * 60,
]


def zipf(items, exponent=1.0):
    """A chooser: the item of rank r has weight 1 / r ** exponent."""
    ends = list(itertools.accumulate(1 / (r + 1) ** exponent for r in range(len(items))))
    return lambda: items[min(bisect.bisect(ends, random.random() * ends[-1]), len(items) - 1)]


page, address, agent = zipf(PAGES), zipf(ADDRESSES, 0.8), zipf(AGENTS, 0.7)


def request():
    """One request: (method, target, extra header lines, body)."""
    kind = random.random()
    if kind < 0.72:
        target = page()
        extra = []
        if random.random() < 0.15:
            extra = ["If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT"]
        elif random.random() < 0.03:
            extra = ["Range: bytes=0-99"]
        elif random.random() < 0.2:
            target += f"?page={random.randrange(9)}"
        return ("HEAD" if random.random() < 0.04 else "GET"), target, extra, b""
    if kind < 0.80:
        return "GET", f"/api/search?q={random.choice('abcdefgh')}", [], b""
    if kind < 0.84:
        return "GET", "/api/items", [], b""
    if kind < 0.87:
        return "POST", "/api/orders", ["Content-Type: application/json"], b'{"item":3}'
    if kind < 0.88:
        return "DELETE", f"/api/orders/{random.randrange(1, 9)}", [], b""
    if kind < 0.90:
        return "GET", "/api/quota", [], b""
    if kind < 0.91:
        return "GET", random.choice(["/api/report", "/api/unknown", "/api/health"]), [], b""
    if kind < 0.93:
        user = random.choice(["alice:wonder", "mary ann:secret", "alice:wrong", ""])
        key = base64.b64encode(user.encode()).decode()
        return "GET", "/admin/index.html", [f"Authorization: Basic {key}"] if user else [], b""
    if kind < 0.96:
        return "GET", f"/old/{random.randrange(1, 20)}.html", [], b""
    if kind < 0.97:
        return "POST", "/about.html", [], b"x=1"
    return "GET", random.choice(WEIRD), [], b""


def on_the_wire(name, refer):
    method, target, extra, body = request()
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *extra]
    if name:
        lines.append(f"User-Agent: {name}")
    if refer and random.random() < 0.6:
        lines.append(f"Referer: http://localhost{refer}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return method, target, "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def answer(reader, method):
    """Reads one answer; True if the connection stays open."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if method != "HEAD" and b"content-length: " in head:
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    return b"connection: close" not in head


class Pace:
    """Hands out the requests, each not before its time."""

    def __init__(self, requests, seconds):
        self.start = time.monotonic()
        self.due = iter(sorted(random.random() * seconds for _ in range(requests)))

    async def next(self):
        due = next(self.due, None)
        if due is None:
            return False
        wait = self.start + due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        return True


async def odd_visit(source, port):
    """What a public server sees as well: noise on the port, an ancient client, a lost one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    kind = random.choice(["tls", "ancient", "lost", "space"])
    if kind == "tls":
        writer.write(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03 \"noise\"\r\n\r\n")
    elif kind == "ancient":
        writer.write(b"GET /about.html\r\n")
    elif kind == "space":
        writer.write(b"GET /two words.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
    else:
        writer.write(b"GET /download/1.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        return
    await writer.drain()
    await reader.read()
    writer.close()


async def client(pace, port, done):
    while await pace.next():
        source, name, refer = address(), agent(), None
        if random.random() < 0.004:
            await odd_visit(source, port)
            done[0] += 1
            continue
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        more = random.randrange(1, 24)
        while True:
            method, target, data = on_the_wire(name, refer)
            writer.write(data)
            more -= 1
            open_still = await answer(reader, method)
            done[0] += 1
            refer = target if target in PAGES else refer
            if not (more and open_still and await pace.next()):
                break
        writer.close()


async def main(port, requests, seconds):
    done = [0]
    pace = Pace(requests, seconds)
    await asyncio.gather(*(client(pace, port, done) for _ in range(CONNECTIONS)))
    took = time.monotonic() - pace.start
    print(f"{done[0]} requests in {took:.1f} s from {len(ADDRESSES)} addresses", file=sys.stderr)


if __name__ == "__main__":
    random.seed(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
