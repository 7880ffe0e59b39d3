//! Files that are written whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::Failed;

/// Sees that a file can be written, before work is spent on it.
pub fn check(path: &Path) -> Result<(), Failed> {
    let folder = folder(path);
    if path.is_dir() {
        return Err(Failed::Found(format!("cannot write `{}`: it is a folder", path.display())));
    }
    if !folder.is_dir() {
        return Err(Failed::Found(format!(
            "cannot write `{}`: there is no folder `{}`",
            path.display(),
            folder.display()
        )));
    }
    let probe = beside(path);
    fs::write(&probe, b"").map_err(|error| cannot(path, &error))?;
    fs::remove_file(&probe).ok();
    Ok(())
}

/// Writes a file beside its place and moves it there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let part = beside(path);
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|error| {
        fs::remove_file(&part).ok();
        cannot(path, &error)
    })
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folder(path).join(format!(".{name}.{}.part", std::process::id()))
}

fn cannot(path: &Path, error: &std::io::Error) -> Failed {
    Failed::Found(format!("cannot write `{}`: {error}", path.display()))
}
