#!/usr/bin/env python3
"""How long a user's crate takes to compile.

Generates crates that depend on streamweave by path, and times cargo on them:

    streamweave/benches/compile/run.py            # everything
    streamweave/benches/compile/run.py --smoke    # a chain of 25 nodes, checked only

Sources of dependencies must have been downloaded before: cargo runs with --offline.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STREAMWEAVE = Path(__file__).resolve().parents[2]

MANIFEST = f"""[package]
name = "user"
version = "0.1.0"
edition = "2024"

[dependencies]
streamweave = {{ path = "{STREAMWEAVE}" }}
tokio = {{ version = "1", features = ["rt-multi-thread", "macros"] }}

[workspace]
"""

NODES = """use streamweave::{graph, node};

#[node]
fn add(x: u64) -> u64 {
    x + 1
}

#[node]
fn even(x: u64) -> Option<u64> {
    x.is_multiple_of(2).then_some(x)
}

"""

MAIN = """#[tokio::main]
async fn main() {
    let run = build().start().unwrap();
    run.inputs.numbers.send(1).await.unwrap();
    let mut run = run.close_inputs();
    println!("{:?}", run.outputs.sums.collect().await);
}

"""


def chain(nodes):
    """in -> n0 -> n1 -> .. -> out"""
    edges = [f"n{n}.out => n{n + 1}.input," for n in range(nodes - 1)]
    return edges + [f"n{nodes - 1}.out => graph.sums,"]


def tree(nodes):
    """Node n feeds 2n + 1 and 2n + 2; the leaves feed the graph's output."""
    edges = []
    for n in range(nodes):
        below = [f"n{m}.input" for m in (2 * n + 1, 2 * n + 2) if m < nodes]
        edges.append(f"n{n}.out => [{', '.join(below)}]," if below else f"n{n}.out => graph.sums,")
    return edges


def program(nodes, shape):
    declared = [f"n{n}: {'Add' if n % 2 == 0 else 'Even'}," for n in range(nodes)]
    lines = declared + ["graph.numbers => n0.input,"] + shape(nodes)
    body = "\n            ".join(lines)
    return NODES + MAIN.replace("build()", "graph! {\n            " + body + "\n        }")


def timed(crate, *command):
    environment = dict(os.environ, CARGO_TARGET_DIR=str(crate / "target"))
    environment.pop("RUSTFLAGS", None)
    start = time.monotonic()
    done = subprocess.run(
        ["cargo", *command, "--offline", "--quiet"],
        cwd=crate, env=environment, capture_output=True, text=True,
    )
    took = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(done.stderr)
    return took


def write(crate, nodes, shape):
    (crate / "src").mkdir(parents=True, exist_ok=True)
    (crate / "Cargo.toml").write_text(MANIFEST)
    shutil.copy(STREAMWEAVE.parent / "Cargo.lock", crate / "Cargo.lock")
    (crate / "src" / "main.rs").write_text(program(nodes, shape))


def row(name, seconds):
    print(f"{name:<52} {seconds:8.2f} s", flush=True)


def dependencies(crate):
    tree = subprocess.run(
        ["cargo", "tree", "--offline", "-e", "normal,build", "--prefix", "none", "--no-dedupe"],
        cwd=crate, capture_output=True, text=True, check=True,
    )
    names = {line.split(" (")[0] for line in tree.stdout.splitlines() if line}
    return len(names) - 1


def main():
    smoke = "--smoke" in sys.argv
    with tempfile.TemporaryDirectory(prefix="streamweave-compile-") as directory:
        crate = Path(directory)
        write(crate, 20, chain)
        if smoke:
            timed(crate, "check")
            write(crate, 25, chain)
            row("check, chain of 25 nodes", timed(crate, "check"))
            return
        row("clean debug build, chain of 20 nodes", timed(crate, "build"))
        main = crate / "src" / "main.rs"
        again = []
        for _ in range(3):
            main.touch()
            again.append(timed(crate, "build"))
        row("rebuild after a touch of main.rs, best of 3", min(again))
        timed(crate, "check")
        row("clean release build, chain of 20 nodes", timed(crate, "build", "--release"))
        print(f"{'dependencies, streamweave and tokio included':<52} {dependencies(crate):8}")
        for shape in (chain, tree):
            for nodes in (25, 50, 100):
                write(crate, nodes, shape)
                name = f"{shape.__name__} of {nodes} nodes"
                row(f"check, {name}", timed(crate, "check"))
                row(f"release build of the main crate, {name}", timed(crate, "build", "--release"))


if __name__ == "__main__":
    main()
