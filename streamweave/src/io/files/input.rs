//! The bytes of one file, plain or gzip: which it is, its first bytes say, whatever its name.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use crate::io::IoError;

/// An open file.
pub(crate) enum Input {
    Plain(File),
    /// Of any number of members: rotated logs are often concatenated.
    #[cfg(feature = "gzip")]
    Gzip(Box<flate2::bufread::MultiGzDecoder<io::BufReader<File>>>),
}

impl Input {
    /// Reads `file` from its start. Of what cannot be rewound, a pipe, the kind is not asked.
    pub(crate) fn new(mut file: File, path: &Path) -> Result<Self, IoError> {
        let failed = |source| IoError::Open { path: path.into(), source };
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(IoError::Folder { path: path.into() });
        }
        if !metadata.is_file() {
            return Ok(Input::Plain(file));
        }
        let mut magic = Vec::new();
        file.rewind().map_err(failed)?;
        (&file).take(2).read_to_end(&mut magic).map_err(failed)?;
        file.rewind().map_err(failed)?;
        if magic != [0x1f, 0x8b] {
            return Ok(Input::Plain(file));
        }
        #[cfg(feature = "gzip")]
        return Ok(Input::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(
            io::BufReader::with_capacity(1 << 16, file),
        ))));
        #[cfg(not(feature = "gzip"))]
        Err(IoError::Gzip {
            path: path.into(),
            reason: "build streamweave with its feature `gzip`, or unpack the file first",
        })
    }

    /// Goes on to byte `offset` of the content. Of gzip, everything before has to be unpacked.
    pub(crate) fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        if offset == 0 {
            return Ok(());
        }
        match self {
            Input::Plain(file) => file.seek(SeekFrom::Start(offset)).map(|_| ()),
            #[cfg(feature = "gzip")]
            Input::Gzip(reader) => {
                match io::copy(&mut reader.by_ref().take(offset), &mut io::sink())? {
                    skipped if skipped == offset => Ok(()),
                    _ => Err(ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }

    /// Reads on; 0 at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Input::Plain(file) => file.read(into),
                #[cfg(feature = "gzip")]
                Input::Gzip(reader) => reader.read(into),
            };
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    pub(crate) fn file(&self) -> &File {
        match self {
            Input::Plain(file) => file,
            #[cfg(feature = "gzip")]
            Input::Gzip(reader) => reader.get_ref().get_ref(),
        }
    }

    /// How far the file itself has been read, whatever is in it.
    pub(crate) fn at(&self) -> u64 {
        self.file().stream_position().unwrap_or(0)
    }

    pub(crate) fn is_gzip(&self) -> bool {
        !matches!(self, Input::Plain(_))
    }

    /// Whether a failed read says that the file is damaged, not that it could not be read.
    pub(crate) fn is_damage(&self, error: &io::Error) -> bool {
        let kinds = [ErrorKind::UnexpectedEof, ErrorKind::InvalidData, ErrorKind::InvalidInput];
        self.is_gzip() && kinds.contains(&error.kind())
    }
}
