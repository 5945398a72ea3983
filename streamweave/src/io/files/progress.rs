//! A bar on standard error for long reads, where that is a terminal and feature `progress` is on.

use super::list::Files;

/// How much of all files has been read.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    #[cfg(feature = "progress")]
    bar: Option<indicatif::ProgressBar>,
}

#[cfg(feature = "progress")]
impl Progress {
    /// Shows a bar if someone can see it and there is an end to read to.
    pub(crate) fn start(files: &Files) -> Self {
        use std::io::IsTerminal;
        if files.follow.is_some() || !std::io::stderr().is_terminal() {
            return Progress::default();
        }
        let sizes = files.list.iter().filter_map(|(path, _)| path.metadata().ok());
        let bar = indicatif::ProgressBar::new(sizes.map(|metadata| metadata.len()).sum());
        if let Ok(style) = indicatif::ProgressStyle::with_template(
            "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}",
        ) {
            bar.set_style(style);
        }
        Progress { bar: Some(bar) }
    }

    /// The files before have `before` bytes, and this one has been read to `at`.
    pub(crate) fn at(&self, files: &Files, index: usize, file: &std::fs::File) {
        use std::io::Seek;
        let (Some(bar), Some((_, name))) = (&self.bar, files.list.get(index)) else { return };
        let before = files.list[..index].iter().filter_map(|(path, _)| path.metadata().ok());
        let before: u64 = before.map(|metadata| metadata.len()).sum();
        let mut file = file;
        bar.set_position(before + file.stream_position().unwrap_or(0));
        if bar.message() != **name {
            bar.set_message(name.to_string());
        }
    }

    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(not(feature = "progress"))]
impl Progress {
    pub(crate) fn start(_: &Files) -> Self {
        Progress::default()
    }
    pub(crate) fn at(&self, _: &Files, _: usize, _: &std::fs::File) {}
    pub(crate) fn end(&self) {}
}
