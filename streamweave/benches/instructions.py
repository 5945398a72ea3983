#!/usr/bin/env python3
"""Instructions a record of the workloads, counted by valgrind: they tell what a change costs where times are too
noisy to. Ends with an error where one is dearer than instructions.txt says; `--write` puts today's there.

    apt-get install valgrind
    streamweave/benches/instructions.py [--write]

What a record costs is the difference of two runs over the difference of their records, input and all: the plain
loop's stands beside each, so that what both have, as the input, falls out of the difference.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE / "instructions.txt"
FEW, MANY = 100_000, 300_000
LEEWAY = 1.03  # Of what the graph costs over the loop; another compiler may need more.

# The name of a workload, how many records it has for each that is asked for, and its variants.
WORKLOADS = [
    ("w1", 5, "loop over batches of 4096", ["graph, one stage", "graph, one stage, timed"]),
    ("w2", 1, "plain loop", [
        "graph, change tracking", "graph, change tracking, timed", "graph, change tracking and undo"]),
    ("w2s", 0.5, "plain loop: 1024 looked up, then freed", ["graph, change tracking"]),
    ("w3", 1, "plain loop", ["graph, the library's window", "graph, the library's window, undo"]),
]


def binary():
    build = ["cargo", "bench", "-p", "streamweave", "--bench", "workloads", "--no-run", "--message-format=json"]
    lines = subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    made = (json.loads(line).get("executable") for line in lines)
    return [path for path in made if path][-1]


def count(program, workload, variant, records):
    env = {**os.environ, "STREAMWEAVE_BENCH_N": str(records), "STREAMWEAVE_BENCH_ROUNDS": "1",
           "STREAMWEAVE_BENCH_VARIANT": variant, "STREAMWEAVE_BENCH_COUNTED": "1"}
    run = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "--bench", workload]
    said = subprocess.run(run, check=True, env=env, capture_output=True, text=True)
    if variant not in said.stdout:
        sys.exit(f"{workload} has no variant `{variant}`: the list in {Path(__file__).name} is out of date")
    return int(re.search(r"Collected : (\d+)", said.stderr).group(1))


def a_record(program, workload, scale, variant):
    few, many = (count(program, workload, variant, records) for records in (FEW, MANY))
    return (many - few) / ((MANY - FEW) * scale)


def main():
    program = binary()
    known = dict(line.rsplit(": ", 1) for line in TABLE.read_text().splitlines()) if TABLE.exists() else {}
    found, dearer = {}, []
    for workload, scale, loop, variants in WORKLOADS:
        plain = a_record(program, workload, scale, loop)
        for variant in variants:
            name = f"{workload} {variant}"
            over = a_record(program, workload, scale, variant) - plain
            found[name] = f"{over:.1f}"
            print(f"{name}: {over:.1f} more than the loop's, {known.get(name, 'none')} before", flush=True)
            if name in known and over > float(known[name]) * LEEWAY + 0.5:
                dearer.append(name)
    if "--write" in sys.argv:
        TABLE.write_text("".join(f"{name}: {over}\n" for name, over in found.items()))
    elif dearer:
        sys.exit(f"dearer than {TABLE.name} says: {', '.join(dearer)}")


if __name__ == "__main__":
    main()
