//! What holds for every message, whatever rustc's wording is: each mistake is told once, at the user's
//! own tokens, in words that name nothing of the expansion.

use std::fs;
use std::path::{Path, PathBuf};

/// Parts of names that only the expansions know: no message shows them.
const HIDDEN: [&str; 4] = ["__private", "_is_connected", "__S0", "__complete"];
/// Types that generated code nests: nor these.
const NESTED: [&str; 5] = ["Fused<", "Via<", "Tee<", "Outbox<", "Emitters<"];

/// What is wrong with the messages of the cases in `folder`; `opens` begins a line with the macro that must
/// not be what an error points at.
///
/// # Errors
/// A case that cannot be read.
pub fn faults(folder: &Path, opens: &str) -> std::io::Result<Vec<String>> {
    let mut faults = Vec::new();
    for case in cases(folder)? {
        let source = fs::read_to_string(&case)?;
        let told = fs::read_to_string(case.with_extension("stderr"))?;
        let mut tell = |what: &str| faults.push(format!("{}: {what}", case.display()));
        let declared = source.lines().next().and_then(|line| line.strip_prefix("// errors: "));
        let Some(declared) = declared.and_then(|number| number.trim().parse::<usize>().ok()) else {
            tell("does not say how many errors it has");
            continue;
        };
        let count = told.lines().filter(|line| line.starts_with("error")).count();
        if count != declared {
            tell(&format!("{count} errors, not {declared}"));
        }
        let known = is_known(&source);
        let nested = NESTED.iter().filter(|_| !known);
        for hidden in HIDDEN.iter().chain(nested).filter(|hidden| told.contains(**hidden)) {
            tell(&format!("names `{hidden}`, which no user knows"));
        }
        if !known && is_whole(&source, opens, &told) {
            tell(&format!("points at the whole `{opens}`"));
        }
    }
    Ok(faults)
}

fn cases(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut cases = Vec::new();
    for rule in fs::read_dir(folder)? {
        for case in fs::read_dir(rule?.path())? {
            let path = case?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                cases.push(path);
            }
        }
    }
    cases.sort();
    Ok(cases)
}

/// Whether the place of an error is where the macro opens.
fn is_whole(source: &str, opens: &str, told: &str) -> bool {
    let places: Vec<String> = source
        .lines()
        .enumerate()
        .filter_map(|(line, text)| Some(format!("{}:{}", line + 1, text.find(opens)? + 1)))
        .collect();
    let mut after_error = false;
    for line in told.lines() {
        if line.starts_with("error") {
            after_error = true;
        } else if let Some(place) = line.trim_start().strip_prefix("--> ") {
            let place = place.split_once(':').map_or("", |(_, place)| place);
            if after_error && places.iter().any(|opening| opening == place) {
                return true;
            }
            after_error = false;
        }
    }
    false
}

/// Whether the case says that its mistake is still told more than once, and why.
fn is_known(source: &str) -> bool {
    source.lines().nth(1).is_some_and(|line| line.starts_with("// Known: "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Mistakes that are told more than once: fewer is better, one more is a decision.
    #[test]
    fn mistakes_told_twice_are_counted() {
        let mut found = Vec::new();
        for folder in ["graph", "node"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for case in super::cases(&folder).expect("the cases") {
                if super::is_known(&std::fs::read_to_string(&case).expect("a case")) {
                    found.push(case);
                }
            }
        }
        assert_eq!(found.len(), 6, "{found:#?}");
    }
}
