//! Compiled device code on disk, so that a second run need not compile.
//!
//! One file for each kernel, named by a digest of all that its code depends on, which the file repeats: a header line,
//! the key, and the code with its length and digest. A file that is cut short, damaged or of another key is as good as
//! none. Files are written under a name of their own and moved into place, so readers see whole files and writers may
//! be many. What goes wrong here costs time and nothing else: no function fails.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What code depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The source text, whole.
    pub text: &'a str,
    /// The compiler's options: the architecture, the meaning of arithmetic.
    pub options: &'a [String],
    /// The versions of all that had a hand in it.
    pub versions: &'a str,
}

impl Key<'_> {
    /// One line for the file.
    fn line(&self) -> String {
        let Key { text, options, versions } = self;
        let options = options.join(" ");
        format!("{:016x}{:016x} {} {options} {versions}", digest(text, 1), digest(text, 2), text.len())
    }
}

/// A folder of compiled code.
#[derive(Clone, Debug)]
pub struct PtxCache {
    folder: PathBuf,
}

impl PtxCache {
    /// The folder of this name. It is made when something is put there.
    pub fn at(folder: impl Into<PathBuf>) -> PtxCache {
        PtxCache { folder: folder.into() }
    }

    /// The user's own: `$SAMP_CACHE`, else `samp` in `$XDG_CACHE_HOME` or in `~/.cache`. None where there is no such
    /// place, or where `$SAMP_CACHE` is empty.
    pub fn of_user() -> Option<PtxCache> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let folder = match variable("SAMP_CACHE") {
            Some(folder) => folder,
            None => match variable("XDG_CACHE_HOME").filter(|folder| folder.is_absolute()) {
                Some(caches) => caches.join("samp"),
                None => variable("HOME")?.join(".cache/samp"),
            },
        };
        (!folder.as_os_str().is_empty()).then(|| PtxCache::at(folder))
    }

    /// The code of this key, if it is there and whole.
    pub fn get(&self, key: &Key<'_>) -> Option<String> {
        let file = std::fs::read_to_string(self.path(key)).ok()?;
        let (header, rest) = file.split_once('\n')?;
        let (line, code) = rest.split_once('\n')?;
        (line == key.line() && header == header_of(code)).then(|| code.to_owned())
    }

    /// Keeps code.
    pub fn put(&self, key: &Key<'_>, code: &str) {
        // What cannot be kept is compiled again.
        let _ = self.write(&self.path(key), &format!("{}\n{}\n{code}", header_of(code), key.line()));
    }

    fn write(&self, path: &Path, file: &str) -> std::io::Result<()> {
        static WRITERS: AtomicU64 = AtomicU64::new(0);
        std::fs::create_dir_all(&self.folder)?;
        let writer = format!("{}-{}", std::process::id(), WRITERS.fetch_add(1, Ordering::Relaxed));
        let own = path.with_extension(writer);
        let written = std::fs::File::create_new(&own)
            .and_then(|mut own| own.write_all(file.as_bytes()))
            .and_then(|()| std::fs::rename(&own, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&own);
        }
        written
    }

    fn path(&self, key: &Key<'_>) -> PathBuf {
        let line = key.line();
        self.folder.join(format!("{:016x}{:016x}.ptx", digest(&line, 1), digest(&line, 2)))
    }
}

/// The first line of a file with this code.
fn header_of(code: &str) -> String {
    format!("// samp {} {:016x}", code.len(), digest(code, 3))
}

/// FNV-1a in 64 bits, from one of several starts: the same in every build, unlike the standard library's.
fn digest(text: &str, start: u64) -> u64 {
    let step = |digest: u64, byte: u8| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(step(0xcbf2_9ce4_8422_2325, start as u8), step)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panic")]
mod tests {
    use super::*;

    const CODE: &str = ".version 9.0\n.target sm_90\n// ä\n";

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> (Folder, PtxCache) {
            let path = std::env::temp_dir().join(format!("samp-cache-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            (Folder(path.clone()), PtxCache::at(path.join("deep")))
        }

        fn files(&self) -> Vec<PathBuf> {
            let files = std::fs::read_dir(self.0.join("deep")).unwrap();
            files.map(|file| file.unwrap().path()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn options(of: &str) -> Vec<String> {
        vec![of.to_owned(), "--fmad=false".to_owned()]
    }

    #[test]
    fn code_comes_back_for_its_key_alone() {
        let (_folder, cache) = Folder::new("keys");
        let options = [options("compute_80"), options("compute_90")];
        let key = |text, options, versions| Key { text, options, versions };
        let mine = key("text", &options[0], "1");
        assert_eq!(cache.get(&mine), None);
        cache.put(&mine, CODE);
        assert_eq!(cache.get(&mine).as_deref(), Some(CODE));
        for other in [key("texts", &options[0], "1"), key("text", &options[1], "1"), key("text", &options[0], "2")] {
            assert_eq!(cache.get(&other), None);
        }
        cache.put(&mine, "newer");
        assert_eq!(cache.get(&mine).as_deref(), Some("newer"));
    }

    #[test]
    fn damaged_files_are_as_good_as_none() {
        let (folder, cache) = Folder::new("damage");
        let options = options("compute_90");
        let key = Key { text: "text", options: &options, versions: "1" };
        cache.put(&key, CODE);
        let path = folder.files().remove(0);
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(cache.get(&key), None, "cut after {length} bytes");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(cache.get(&key), None, "byte {at} is another");
        }
        std::fs::write(&path, [whole, vec![b' ']].concat()).unwrap();
        assert_eq!(cache.get(&key), None, "too long");
        cache.put(&key, CODE);
        assert_eq!(cache.get(&key).as_deref(), Some(CODE), "a damaged file is replaced");
    }

    #[test]
    fn readers_and_writers_at_once_see_whole_files() {
        let (folder, cache) = Folder::new("writers");
        let options = options("compute_90");
        let codes: Vec<String> = (0..8).map(|k| format!("code {k} ").repeat(20_000)).collect();
        std::thread::scope(|scope| {
            for code in &codes {
                let (cache, options, codes) = (&cache, &options, &codes);
                scope.spawn(move || {
                    let key = Key { text: "text", options, versions: "1" };
                    for _ in 0..20 {
                        cache.put(&key, code);
                        let found = cache.get(&key).expect("some writer's file is there");
                        assert!(codes.contains(&found), "a whole file");
                    }
                });
            }
        });
        assert_eq!(folder.files().len(), 1, "no file is left over");
    }

    #[test]
    fn a_folder_that_cannot_be_is_no_error() {
        let (folder, _) = Folder::new("none");
        std::fs::write(&folder.0, "a file").unwrap();
        let cache = PtxCache::at(folder.0.join("deep"));
        let options = options("compute_90");
        let key = Key { text: "text", options: &options, versions: "1" };
        cache.put(&key, CODE);
        assert_eq!(cache.get(&key), None);
        std::fs::remove_file(&folder.0).unwrap();
    }
}
