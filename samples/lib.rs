//! The standard library of `.samp`, as text.
//!
//! One algorithm per file; the folder says what it is. [`FILES`] is made from the folders at build time.

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The text of a file, such as `samplers/ddim.samp`.
pub fn text(path: &str) -> Option<&'static str> {
    FILES.binary_search_by(|(name, _)| (*name).cmp(path)).ok().map(|at| FILES[at].1)
}

/// What another project calls something of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The project.
    pub project: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What it is here: `slot = expression`, several of them with `;` between.
    pub here: &'static str,
}

impl Alias {
    /// The slots that it fills, with what.
    pub fn slots(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.here.split(';').filter_map(|part| part.split_once('=')).map(|(slot, value)| (slot.trim(), value.trim()))
    }
}

/// Names of other projects, in the order of the file.
pub fn aliases() -> impl Iterator<Item = Alias> {
    include_str!("aliases.txt").lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut parts = line.split('|').map(str::trim);
        Some(Alias { project: parts.next()?, name: parts.next()?, here: parts.next()? })
    })
}

/// What a name of another project means, without regard to case, blanks, `-` and `_`.
pub fn alias(name: &str) -> Option<Alias> {
    let plain = |name: &str| -> String {
        name.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(name);
    aliases().find(|alias| plain(alias.name) == wanted)
}
