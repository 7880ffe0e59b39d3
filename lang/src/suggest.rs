//! The name that was probably meant.

/// The candidate nearest to `name`, if one is near enough to be worth naming.
///
/// Near is: the same but for case or underscores, the same words in another order (`ancestral_euler`), or few typing
/// slips for its length. Of equally near ones the first wins.
///
/// ```
/// assert_eq!(samp_lang::suggest::nearest("simga", ["alpha", "sigma"]), Some("sigma"));
/// assert_eq!(samp_lang::suggest::nearest("ancestral_euler", ["euler", "euler_ancestral"]), Some("euler_ancestral"));
/// assert_eq!(samp_lang::suggest::nearest("banana", ["alpha", "sigma"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let meant = Meant::new(name)?;
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates.into_iter().filter(|candidate| *candidate != name) {
        let Some(distance) = meant.distance(candidate) else { continue };
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Longer names are not compared: no one mistypes them, and the cost is quadratic.
const LONGEST: usize = 64;

/// A name, without case and underscores.
struct Meant {
    plain: String,
    length: usize,
    sorted: Vec<String>,
}

impl Meant {
    fn new(name: &str) -> Option<Meant> {
        let (plain, sorted) = (plain(name), sorted_words(name));
        (name.len() <= LONGEST).then(|| Meant { length: plain.chars().count(), plain, sorted })
    }

    fn distance(&self, candidate: &str) -> Option<usize> {
        let length = candidate.chars().filter(|c| *c != '_').count();
        let allowed = match length.min(self.length) {
            0..=2 => 0,
            3..=4 => 1,
            5..=8 => 2,
            _ => 3,
        };
        if candidate.len() > LONGEST || length.abs_diff(self.length) > allowed {
            return None;
        }
        let other = plain(candidate);
        let same_words = length == self.length && candidate.contains('_') && self.sorted == sorted_words(candidate);
        if self.plain == other || same_words {
            return Some(0);
        }
        let distance = strsim::damerau_levenshtein(&self.plain, &other);
        (distance <= allowed).then_some(distance)
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

fn sorted_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = name.split('_').map(str::to_lowercase).collect();
    words.sort();
    words
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_found() {
        assert_eq!(nearest("scaled_linaer", ["linear", "scaled_linear", "cosine"]), Some("scaled_linear"));
        assert_eq!(nearest("Karras", ["uniform", "karras"]), Some("karras"));
        assert_eq!(nearest("dpm_pp_2m", ["dpmpp_3m", "dpmpp_2m"]), Some("dpmpp_2m"));
        assert_eq!(nearest("retrun", ["return", "require"]), Some("return"));
    }

    #[test]
    fn short_names_are_not_guessed() {
        assert_eq!(nearest("s", ["t", "x"]), None);
        assert_eq!(nearest("ab", ["cd", "a"]), None);
    }

    #[test]
    fn the_same_name_is_no_suggestion() {
        assert_eq!(nearest("eta", ["eta"]), None);
    }
}
