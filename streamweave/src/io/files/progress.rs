//! A bar on standard error while files are read, where that is a terminal and feature `progress` is on.

use super::list::Files;

/// How much of all files has been read. The bar is cleared when it is dropped, so also where the
/// run fails.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Not known before the first file is read.
    #[cfg(feature = "progress")]
    bar: Option<Option<Bar>>,
}

impl Progress {
    /// A file has been read to byte `at`, which is asked for only if someone can see it.
    #[cfg(feature = "progress")]
    pub(crate) fn at(&mut self, files: &Files, index: usize, at: impl FnOnce() -> u64) {
        use std::io::IsTerminal;
        let seen = || files.follow.is_none() && std::io::stderr().is_terminal();
        if let Some(bar) = self.bar.get_or_insert_with(|| seen().then(|| Bar::of(files))) {
            bar.at(files, index, at());
        }
    }

    #[cfg(not(feature = "progress"))]
    pub(crate) fn at(&mut self, _: &Files, _: usize, _: impl FnOnce() -> u64) {}

    /// Nothing more is read.
    pub(crate) fn end(&mut self) {
        *self = Progress::default();
    }
}

#[cfg(feature = "progress")]
#[derive(Debug)]
struct Bar {
    bar: indicatif::ProgressBar,
    /// How many bytes are in the files before each.
    before: Vec<u64>,
}

#[cfg(feature = "progress")]
impl Bar {
    fn of(files: &Files) -> Self {
        let mut all = 0;
        let before = files.list.iter().map(|(path, _)| {
            let before = all;
            all += path.metadata().map_or(0, |metadata| metadata.len());
            before
        });
        let before = before.collect();
        let bar = indicatif::ProgressBar::new(all);
        if let Ok(style) = indicatif::ProgressStyle::with_template(
            "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} {wide_msg}",
        ) {
            bar.set_style(style);
        }
        Bar { bar, before }
    }

    fn at(&self, files: &Files, index: usize, at: u64) {
        let (Some(before), Some((_, name))) = (self.before.get(index), files.list.get(index))
        else {
            return;
        };
        if self.bar.message() != **name {
            self.bar.set_message(name.to_string());
        }
        self.bar.set_position(before + at);
    }
}

#[cfg(all(test, feature = "progress"))]
mod tests {
    use std::fs;

    use super::{Bar, Files};

    /// Files that have been read may be gone meanwhile: nobody looks at them again.
    #[test]
    fn the_sizes_of_files_are_those_of_the_start() {
        let name = |n| format!("streamweave-bar-{}-{n}", std::process::id());
        let paths = [1, 2].map(|n| std::env::temp_dir().join(name(n)));
        paths.iter().for_each(|path| fs::write(path, "12345").expect("is written"));
        let files = Files::new(paths.clone());
        let bar = Bar::of(&files);
        paths.iter().for_each(|path| fs::remove_file(path).expect("is removed"));
        bar.at(&files, 1, 3);
        assert_eq!((bar.bar.position(), bar.bar.length()), (8, Some(10)));
    }
}
