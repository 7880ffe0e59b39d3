//! Increments of a Brownian path as affine forms: unit normals with the covariance of their overlap.

/// Covariances below this are rounding.
const TINY: f64 = 1e-12;

/// The increments that were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    increments: Vec<Increment>,
}

/// An increment, made of atoms.
#[derive(Clone, Debug)]
struct Increment {
    low: f64,
    high: f64,
    sign: f64,
    /// Atoms and factors.
    row: Vec<(usize, f64)>,
    /// The atom that is its own, unless those before it make up all of it.
    own: Option<(usize, f64)>,
}

impl Increment {
    fn overlap(&self, low: f64, high: f64) -> f64 {
        (self.high.min(high) - self.low.max(low)).max(0.0)
    }

    /// The covariance with a unit increment.
    fn covariance(&self, other: &Increment) -> f64 {
        let length = ((self.high - self.low) * (other.high - other.low)).sqrt();
        self.sign * other.sign * self.overlap(other.low, other.high) / length
    }
}

impl Path {
    /// The factors of an increment on atoms; `fresh` gives out a new one.
    ///
    /// Cholesky's factorization of the covariances, a row at a time. Only increments that hang together with this one
    /// by overlaps count: all others are independent of it.
    pub(super) fn increment(&mut self, from: f64, to: f64, fresh: impl FnOnce() -> usize) -> Vec<(usize, f64)> {
        let sign = if from > to { 1.0 } else { -1.0 };
        let mut new = Increment { low: from.min(to), high: from.max(to), sign, row: Vec::new(), own: None };
        for index in self.connected(new.low, new.high) {
            let known = &self.increments[index];
            let Some((atom, factor)) = known.own else { continue };
            let of = |atom: usize| new.row.iter().find(|(known, _)| *known == atom).map_or(0.0, |(_, factor)| *factor);
            let done: f64 = known.row.iter().map(|(atom, factor)| factor * of(*atom)).sum();
            let factor = (known.covariance(&new) - done) / factor;
            if factor.abs() > TINY {
                new.row.push((atom, factor));
            }
        }
        let left = 1.0 - new.row.iter().map(|(_, factor)| factor * factor).sum::<f64>();
        if left > TINY {
            let own = (fresh(), left.sqrt());
            new.row.push(own);
            new.own = Some(own);
        }
        let row = new.row.clone();
        self.increments.push(new);
        row
    }

    /// Increments that overlap with `low..high`, or with one that does, in the order that they were asked for.
    fn connected(&self, mut low: f64, mut high: f64) -> Vec<usize> {
        loop {
            let inside: Vec<usize> =
                (0..self.increments.len()).filter(|k| self.increments[*k].overlap(low, high) > 0.0).collect();
            let ends = inside.iter().map(|k| (self.increments[*k].low, self.increments[*k].high));
            let (lower, higher) = ends.fold((low, high), |(low, high), (l, h)| (low.min(l), high.max(h)));
            if (lower, higher) == (low, high) {
                return inside;
            }
            (low, high) = (lower, higher);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_covariance_of_overlaps() {
        let mut path = Path::default();
        let mut atoms = 0;
        let intervals = [(3.0, 1.0), (3.0, 2.0), (2.0, 1.0), (5.0, 3.0), (4.0, 1.5), (1.0, 3.0), (0.5, 0.2)];
        let rows: Vec<Vec<(usize, f64)>> = intervals
            .iter()
            .map(|(from, to)| {
                path.increment(*from, *to, || {
                    atoms += 1;
                    atoms - 1
                })
            })
            .collect();
        // `2..1` and `1..3` are made up of what is there already.
        assert_eq!(atoms, 5);
        for ((a, x), row) in intervals.iter().zip(&rows) {
            for ((b, y), other) in intervals.iter().zip(&rows) {
                let product = |(atom, factor): &(usize, f64)| {
                    other.iter().find(|(known, _)| known == atom).map_or(0.0, |(_, same)| same * factor)
                };
                let found: f64 = row.iter().map(product).sum();
                let overlap = (a.max(*x).min(b.max(*y)) - a.min(*x).max(b.min(*y))).max(0.0);
                let sign = ((a - x) * (b - y)).signum();
                let known = sign * overlap / ((a - x) * (b - y)).abs().sqrt();
                assert!((found - known).abs() < 1e-9, "{a}..{x} and {b}..{y}: {found} is {known}");
            }
        }
    }
}
