//! A bar on standard error while long files are read, where that is a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::input::Input;

/// What is shorter is read before anybody looks.
const LONG: u64 = 32 << 20;

/// A bar for these inputs; a hidden one where there is nobody to see it or no end to read to.
pub(crate) fn bar(inputs: &[Input], follow: bool) -> ProgressBar {
    let bytes = bytes(inputs);
    let ends = !follow && !inputs.contains(&Input::Stdin);
    if !ends || bytes < LONG || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes);
    let shape = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar
}

/// How long the files are, of gzip as packed.
pub(crate) fn bytes(inputs: &[Input]) -> u64 {
    let length = |input: &Input| match input {
        Input::Stdin => None,
        Input::File(path) => path.metadata().ok(),
    };
    inputs.iter().filter_map(length).map(|metadata| metadata.len()).sum()
}
