//! Parse and check by their messages, a few expansions, and token soup.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

use crate::diag::Errors;
use crate::graph::{check, expand, model, names, parse};

const VALID: &str = r#"
    #![name = "venue"]
    feed: CsvFeed::open(path),
    enrich: Enrich::new(rates),
    #[restart(max = 3, within = "10s", backoff = "100ms..5s")]
    group desk one_for_all {
        #[on_failure(dead_letter)]
        matcher: Matcher { depth: 10 },
        risk: Risk::new(limits),
        matcher.fills => risk.fills,
    },
    #[workers(4)] group audits { audit: Audit::default(), per_day: Tumbling::days(1) }
    #[rounds(max = 50)] loop ranks { rank: Rank {} },

    graph.orders => enrich.orders,
    feed.rates => enrich.rates,
    enrich.out => [matcher.orders, risk.orders],
    #[boundary]
    risk.breaches => audit.breaches,
    audit.out => per_day.input,
    #[buffer(4096)]
    per_day.out => graph.report,
    matcher.dead_letters => graph.poison,
    matcher.rejects => feedback enrich.retries,
    enrich.more => rank.input,
    rank.out => feedback rank.again,
"#;

fn messages(graph: &str) -> Vec<String> {
    let mut errors = Errors::default();
    let syntax = parse::parse(graph.parse().unwrap(), &mut errors);
    let mut model = model::Model::new(syntax, &mut errors);
    check::check(&mut model, &mut errors);
    errors.into_messages()
}

fn pretty(graph: TokenStream) -> String {
    let expanded = expand(&quote!(streamweave), graph);
    let file = syn::parse2(quote!(fn graph() { let graph = #expanded; })).unwrap();
    prettyplease::unparse(&file)
}

#[test]
fn a_valid_graph_has_no_errors() {
    assert_eq!(messages(VALID), [""; 0]);
}

/// `good => bad` in a graph that is otherwise right.
fn with(from: &str, to: &str) -> Vec<String> {
    assert!(VALID.contains(from), "{from}");
    messages(&VALID.replacen(from, to, 1))
}

#[test]
fn each_mistake_is_told_once() {
    for (from, to, told) in [
        ("feed: CsvFeed::open(path)", "feed: 1, feed: 2", "node `feed` is declared twice"),
        ("feed.rates =>", "fed.rates =>", "no node is called `fed`; did you mean `feed`?"),
        ("feed.rates =>", "desk.rates =>", "`desk` is a group: edges name the nodes inside it"),
        ("feed.rates =>", "feed. =>", "expected a port after `feed.`"),
        ("feed.rates =>", "feed =>", "expected a port: `feed.port`"),
        ("feed.rates =>", "feed.rates ->", "an edge is written with `=>`"),
        ("feed.rates => enrich.rates", "feed.rates", "expected `=> node.port` after `feed.rates`"),
        ("feed.rates => enrich.rates", "feed.rates =>", "expected an input `node.port` after `=>`"),
        ("feed.rates => enrich.rates,", "feed.rates => enrich.rates", "expected `,` before this"),
        ("[matcher.orders, risk.orders]", "[]", "this list names no input: write `=> [a.x, b.y]`"),
        (
            "[matcher.orders, risk.orders]",
            "[matcher.orders risk.orders]",
            "expected `,` before this",
        ),
        ("workers(4)", "workers(0)", "`workers` must be at least 1"),
        ("workers(4)", "workers", "write the number of workers: `#[workers(4)]`"),
        ("#[boundary]", "#[boundary(1)]", "`boundary` takes no argument"),
        (
            "one_for_all",
            "one_for_al",
            "unknown strategy `one_for_al`: the strategies are \
            `one_for_one`, `one_for_all` and `rest_for_one`; did you mean `one_for_all`?",
        ),
        (
            "#[rounds(max = 50)]",
            "",
            "loop `ranks` needs a bound on its rounds: \
            `#[rounds(max = 50)] loop ranks`",
        ),
        (
            "feedback enrich.retries",
            "enrich.retries",
            "this edge closes the cycle \
            `enrich -> matcher -> enrich`; mark one edge of it as `=> feedback enrich.retries`",
        ),
        (
            "feed.rates => enrich",
            "feed.rates => feedback enrich",
            "this edge closes no cycle: leave out `feedback`",
        ),
        (
            "graph.orders => enrich.orders",
            "graph.orders => graph.x",
            "an edge from the graph's \
            input straight to its output has no node in between: send to the reader instead, or \
            put a node in",
        ),
        (
            "audit.out => per_day.input",
            "audit.out => per_day.input, audit.out => per_day.input",
            "edge `audit.out => per_day.input` is written twice",
        ),
        (
            "\"10s\"",
            "\"10 parsecs\"",
            "`within` is a duration such as \"10s\", not \
            `\"10 parsecs\"`; the units are `us`, `ms`, `s`, `m`, `h` and `d`",
        ),
        ("group audits", "group desk", "group `desk` is declared twice"),
        (
            "matcher: Matcher { depth: 10 }",
            "graph: Matcher { depth: 10 }, matcher: M",
            "`graph` names the graph's own ports; call the node something else",
        ),
        (
            "max = 3, ",
            "",
            "`restart` needs `max`: `#[restart(max = 3, within = \"10s\", \
            backoff = \"100ms..5s\")]`",
        ),
        (
            "dead_letter)",
            "dead_letters)",
            "unknown policy `dead_letters`: the policies are \
            `stop`, `retry`, `dead_letter` and `skip`; did you mean `dead_letter`?",
        ),
        (
            "#[buffer(4096)]",
            "#[bufer(4096)]",
            "unknown attribute `bufer`: an edge takes \
            `buffer`, `boundary`, `in_turn`, `severable`; did you mean `buffer`?",
        ),
        (
            "#[buffer(4096)]",
            "#[workers(2)]",
            "`workers` does not belong on an edge, which takes \
            `buffer`, `boundary`, `in_turn`, `severable`",
        ),
        (
            "#[buffer(4096)]",
            "#[severable]",
            "a port of the graph has no node at its other end that could fail: leave out `severable`",
        ),
        (
            "matcher.rejects",
            "#[severable] matcher.rejects",
            "a loop does not go on without one of its edges: leave out `severable`",
        ),
        ("#![name = \"venue\"]", "#![name]", "write the name: `#![name = \"venue\"]`"),
        ("feed.rates =>", "feed.in =>", "`in` is a keyword, so no port can have this name"),
        (
            "per_day.out => graph.report,",
            ",",
            "expected a node, a group or \
            an edge after this attribute",
        ),
        ("feed.rates =>", ", feed.rates =>", "expected a node or an edge before this `,`"),
        ("feed.rates => enrich.rates", "+ 5", "expected `name: node` or `node.port => node.port`"),
    ] {
        assert_eq!(with(from, to), [told], "{from} as {to}");
    }
}

#[test]
fn a_broken_edge_leaves_the_rest_checked() {
    let told = messages("a: A, b: B, a.x =>, c.y => b.z, a.out => b.in_, a.out => b.in_");
    assert_eq!(
        told,
        [
            "expected an input `node.port` after `=>`",
            "no node is called `c`",
            "edge `a.out => b.in_` is written twice",
        ]
    );
}

#[test]
fn similar_names() {
    assert_eq!(names::similar("matcer", ["match", "matcher"]), Some("matcher"));
    assert_eq!(names::similar("x", ["matcher"]), None);
}

/// Numbers for the fuzz: xorshift.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// So many, unless `STREAMWEAVE_FUZZ` asks for another number.
fn volume(of_a_day: u64) -> u64 {
    let asked = std::env::var("STREAMWEAVE_FUZZ").ok().and_then(|asked| asked.parse().ok());
    asked.unwrap_or(of_a_day)
}

/// Leaves out, doubles and swaps tokens, at every depth.
fn mutate(tokens: TokenStream, rng: &mut Rng) -> TokenStream {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for _ in 0..rng.below(3) {
        let at = rng.below(tokens.len());
        match (tokens.get(at).cloned(), rng.below(4)) {
            (Some(_), 0) => drop(tokens.remove(at)),
            (Some(token), 1) => tokens.insert(at, token),
            (Some(_), 2) => {
                let other = rng.below(tokens.len());
                tokens.swap(at, other);
            }
            (Some(TokenTree::Group(group)), _) => {
                let inside = mutate(group.stream(), rng);
                let delimiter = match rng.below(8) {
                    0 => Delimiter::Bracket,
                    1 => Delimiter::Parenthesis,
                    _ => group.delimiter(),
                };
                tokens[at] = Group::new(delimiter, inside).into();
            }
            _ => {}
        }
    }
    tokens.into_iter().collect()
}

#[test]
fn mutations_never_panic_and_always_expand() {
    let valid: TokenStream = VALID.parse().unwrap();
    let mut rng = Rng(0x5eed);
    for _ in 0..volume(1000) {
        let graph = mutate(mutate(valid.clone(), &mut rng), &mut rng);
        let expanded = expand(&quote!(streamweave), graph);
        syn::parse2::<syn::Expr>(expanded.clone())
            .or_else(|_| syn::parse2::<syn::File>(expanded.clone()).map(|_| syn::parse_quote!(())))
            .unwrap_or_else(|error| panic!("{error}: {expanded}"));
    }
}

#[test]
fn soup_never_panics() {
    let words = [
        "a", "b", "graph", ":", ".", "=>", ",", "#", "!", "[", "]", "{", "}", "(", ")", "group",
        "loop", "feedback", "workers", "in", "->", "=", "5", "\"x\"", "'a", "pub", "struct",
        "input", "r#in", "_", "::", "<", ">", "..",
    ];
    let mut rng = Rng(42);
    for _ in 0..volume(5000) {
        let soup: Vec<&str> = (0..rng.below(20)).map(|_| words[rng.below(words.len())]).collect();
        if let Ok(tokens) = soup.join(" ").parse::<TokenStream>() {
            drop(expand(&quote!(streamweave), tokens));
        }
    }
}

#[test]
fn deep_chains_do_not_overflow() {
    let mut text = "n0: N,".to_owned();
    for n in 1..2000 {
        text += &format!("n{n}: N, n{}.out => n{n}.input,", n - 1);
    }
    text += "n1999.out => n0.input";
    assert_eq!(messages(&text).len(), 1);
}

#[test]
fn expansion_of_a_small_graph() {
    let expanded = pretty(quote! {
        first: Add { by: 1 },
        second: Add { by: 2 },
        graph.numbers => first.input,
        first.out => [second.input, graph.seen],
        second.out => graph.sums,
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/graph/snapshots/small.rs");
    snapshot(path, &expanded);
}

#[test]
fn expansion_with_workers_and_fan_in() {
    let expanded = pretty(quote! {
        a: A {},
        #[workers(n)] b: B {},
        c: C {},
        a.out => b.input,
        b.out => c.input,
        a.other => c.input,
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/graph/snapshots/workers.rs");
    snapshot(path, &expanded);
}

/// Compares with the file at `path`; writes it where `UPDATE_SNAPSHOTS` is set.
fn snapshot(path: &str, expanded: &str) {
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
        std::fs::write(path, expanded).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == expanded, "{path} is not this; UPDATE_SNAPSHOTS=1 writes it:\n{expanded}");
}

#[test]
fn loops_whose_rounds_could_not_be_told_apart() {
    let graph = |inner: usize| {
        let inner = (0..inner).map(|n| {
            format!("#[rounds(max = 2)] loop l{n} {{ a{n}: A {{}}, a{n}.out => feedback a{n}.again }},\n")
        });
        format!("#[rounds(max = 2)] loop outer {{ {} }},", inner.collect::<String>())
    };
    let told = |inner: usize| -> Vec<String> {
        let all = messages(&graph(inner)).into_iter();
        all.filter(|message| message.contains("rounds cannot be told")).collect()
    };
    assert_eq!(told(255), [""; 0]);
    let [message] = &told(257)[..] else { panic!("{:?}", told(257)) };
    assert!(message.starts_with("loop `l255` is one of more than 255 inside `outer`"), "{message}");
}
