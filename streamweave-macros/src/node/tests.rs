//! Expansions as text: rewrite them with `UPDATE_SNAPSHOTS=1 cargo test -p streamweave-macros`.

use proc_macro2::TokenStream;
use quote::quote;

use super::expand;

type Tested = Result<(), Box<dyn std::error::Error>>;

fn snapshot(name: &str, args: TokenStream, item: TokenStream) -> Tested {
    let expanded = prettyplease::unparse(&syn::parse2(expand(args, item))?);
    let path = format!("{}/src/node/snapshots/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &expanded)?;
    }
    let committed = std::fs::read_to_string(&path)?;
    assert!(committed == expanded, "{name} expands differently now:\n{expanded}");
    Ok(())
}

#[test]
fn keyed_node_with_state() -> Tested {
    snapshot(
        "keyed",
        quote!(key = Symbol),
        quote! {
            /// Matches orders.
            pub struct Matcher {
                /// New orders.
                #[input(key = |o| o.symbol)]
                orders: &Order,
                #[input(broadcast, optional)]
                scales: u64,
                /// Executed trades.
                #[output]
                fills: Fill,
                #[state]
                books: Keyed<Symbol, Book>,
                #[state(ttl = "30m")]
                halted: Expiring<Keyed<Symbol, ()>>,
                #[scratch]
                buffer: Vec<Fill>,
                depth: usize,
            }
        },
    )
}

#[test]
fn generic_node() -> Tested {
    snapshot(
        "generic",
        quote!(crate = crate),
        quote! {
            pub struct Map<A, B, F>
            where
                F: Fn(A) -> B,
            {
                #[input]
                input: A,
                #[output]
                out: B,
                f: F,
                items: PhantomData<fn(A) -> B>,
            }
        },
    )
}

#[test]
fn calls_in_flight() -> Tested {
    snapshot(
        "calls",
        quote!(async, concurrency = 8, unordered, timeout = "2s", retry = 3, backoff = "100ms..5s"),
        quote! {
            struct Quote {
                #[input]
                orders: &Order,
                #[output]
                quotes: u64,
            }
        },
    )
}

#[test]
fn function() -> Tested {
    snapshot(
        "function",
        quote!(),
        quote! {
            /// Reads an event.
            pub fn parse(line: &str) -> Result<Option<Event>, ParseError> {
                read(line)
            }
        },
    )
}

#[test]
fn mistakes_come_last() -> Tested {
    let expanded = expand(
        quote!(keyed = u64),
        quote! {
            struct Pass {
                #[input]
                r#in: u64,
                #[output(required)]
                out: u64,
            }
        },
    );
    let items = syn::parse2::<syn::File>(expanded)?.items;
    let is_mistake = |item: &syn::Item| matches!(item, syn::Item::Macro(_));
    let first = items.iter().position(is_mistake).ok_or("no mistake was told")?;
    assert_eq!(items.len() - first, 3, "each mistake is told once");
    assert!(items[first..].iter().all(is_mistake));
    assert!(first > 5, "the node is there nevertheless");
    Ok(())
}

/// Where the crate has another name, no expansion says the usual one.
#[test]
fn a_crate_of_another_name() {
    let krate = quote!(crate = crate::reexport::sw);
    let fields = quote! {
        #[input(key = |o| o.symbol)]
        orders: Order,
        #[output]
        fills: Fill,
        #[state]
        books: Keyed<Symbol, Book>,
        #[state(ttl = "30m")]
        halted: Expiring<Keyed<Symbol, ()>>,
        #[scratch]
        buffer: Vec<Fill>,
        depth: usize,
    };
    let source = quote!(#[output] out: u64, #[state] at: Keyed<String, u64>, names: Vec<String>);
    let key = quote!(#[derive(StableKey)] #[stable_key(#krate)]);
    let expanded = [
        expand(quote!(key = Symbol, #krate), quote!(struct Matcher { #fields })),
        expand(quote!(async, key = Symbol, #krate), quote!(struct Matcher { #fields })),
        expand(
            quote!(async, concurrency = 8, timeout = "2s", retry = 3, #krate),
            quote!(
                struct Quote<T> {
                    #[input]
                    orders: &T,
                    #[output]
                    quotes: T,
                    marker: PhantomData<fn() -> T>,
                }
            ),
        ),
        expand(
            quote!(source, rewindable, splits = self.names.clone(), #krate),
            quote!(pub struct Lines { #source }),
        ),
        expand(
            quote!(sink, commits, version = 2, migrate = older, enough = *state.n > 3, #krate),
            quote!(
                struct Sink {
                    #[input]
                    items: u64,
                    #[state]
                    n: Value<u64>,
                }
            ),
        ),
        expand(
            krate.clone(),
            quote!(
                fn parse(line: &str) -> Result<u64, ParseIntError> {
                    line.parse()
                }
            ),
        ),
        crate::stable_key::expand(quote!(#key struct Pair<T>(u64, T);)),
        crate::stable_key::expand(quote!(#key enum Side { Buy, Sell { id: u64 } })),
        crate::event_time::expand(quote!(
            struct Reading {
                #[event_time(#krate)]
                at: i64,
            }
        )),
    ];
    for expanded in expanded.map(|expanded| expanded.to_string()) {
        assert!(!expanded.contains("compile_error"), "{expanded}");
        assert!(expanded.contains("crate :: reexport :: sw"), "{expanded}");
        assert!(!expanded.contains(":: streamweave"), "{expanded}");
    }
}

/// Each method of the contexts would hide a port's, so no port may have its name.
#[test]
fn names_of_the_contexts() -> Tested {
    let mut methods = std::collections::BTreeSet::new();
    for file in ["context", "async_context"] {
        let path = format!("{}/../streamweave/src/node/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        for item in syn::parse_file(&std::fs::read_to_string(path)?)?.items {
            let syn::Item::Trait(item) = item else { continue };
            methods.extend(item.items.into_iter().filter_map(|item| match item {
                syn::TraitItem::Fn(method) => Some(method.sig.ident.to_string()),
                _ => None,
            }));
        }
    }
    methods.retain(|name| !name.starts_with("__"));
    let known = super::check::CONTEXT.map(str::to_owned);
    assert_eq!(methods, known.into());
    Ok(())
}
