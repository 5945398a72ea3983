//! What both runners of the UI cases ask of a message.

/// Parts of names that only the expansions know: no message shows them.
pub const HIDDEN: [&str; 4] = ["__private", "_is_connected", "__S0", "__complete"];

/// Whether the case says that its mistake is still told more than once, and why.
pub fn is_known(source: &str) -> bool {
    source.lines().nth(1).is_some_and(|line| line.starts_with("// Known: "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn known(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("the cases") {
            let path = entry.expect("a case").path();
            if path.is_dir() {
                known(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && super::is_known(&std::fs::read_to_string(&path).expect("a case"))
            {
                found.push(path.display().to_string());
            }
        }
    }

    /// Mistakes that are told more than once: fewer is better, one more is a decision.
    #[test]
    fn mistakes_told_twice_are_counted() {
        let mut found = Vec::new();
        known(&Path::new(env!("CARGO_MANIFEST_DIR")).join("ui"), &mut found);
        assert_eq!(found.len(), 6, "{found:#?}");
    }
}
