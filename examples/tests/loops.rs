//! The examples with loops, compared with what petgraph says; and files of edges.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::path::Path;

use petgraph::algo::{dijkstra, page_rank};
use petgraph::graph::{DiGraph, NodeIndex};
use streamweave_examples::edges::{self, Edges};

#[allow(dead_code, reason = "its main function is not called")]
#[path = "../pagerank.rs"]
mod pagerank;
#[allow(dead_code, reason = "its main function is not called")]
#[path = "../reachability.rs"]
mod reachability;

fn links() -> Edges {
    edges::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data/links.txt"))).unwrap()
}

/// The same for petgraph: the places are 0, 1, 2, ... .
fn graph(edges: &Edges) -> DiGraph<u32, ()> {
    let mut graph = DiGraph::new();
    for (index, place) in edges.keys().enumerate() {
        assert_eq!(index, *place as usize, "a place is missing in the file");
        graph.add_node(*place);
    }
    for (from, targets) in edges {
        for to in targets {
            graph.add_edge(NodeIndex::new(*from as usize), NodeIndex::new(*to as usize), ());
        }
    }
    graph
}

#[test]
fn ranks_are_those_of_petgraph() {
    let edges = links();
    let expected = page_rank(&graph(&edges), 0.85_f64, 20);
    let got = pagerank::ranks(edges).unwrap();
    assert_eq!(got.len(), expected.len());
    for (place, rank) in got {
        let expected = expected[place as usize];
        assert!((rank - expected).abs() < 1e-12, "{place}: {rank}, not {expected}");
    }
}

#[test]
fn what_can_be_reached_and_in_how_many_steps_is_what_petgraph_says() {
    let edges = links();
    let graph = graph(&edges);
    for start in [0, 17, 55] {
        let expected = dijkstra(&graph, NodeIndex::new(start as usize), None, |_| 1_u32);
        let mut expected: Vec<_> =
            expected.into_iter().map(|(place, steps)| (place.index() as u32, steps)).collect();
        expected.sort_unstable();
        let got = Vec::from_iter(reachability::reachable(edges.clone(), start).unwrap());
        assert_eq!(got, expected, "from {start}");
    }
}

#[test]
fn a_line_that_is_no_edge_is_told_with_its_number() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (number, line) in ["1", "1 2 3", "1 x", "1 -2", "1 4294967296"].into_iter().enumerate() {
        let path = folder.join(format!("edges-{number}.txt"));
        std::fs::write(&path, format!("# edges\n\n0 1\n1\t 2 \n{line}\n0 2\n")).unwrap();
        let error = edges::read(&path).unwrap_err().to_string();
        assert!(error.contains("line 5") && error.contains(&format!("`{line}`")), "{error}");
    }
    let error = edges::read(&folder.join("no-such-file")).unwrap_err().to_string();
    assert!(error.contains("no-such-file"), "{error}");
}
