//! Explicit Runge-Kutta tableaux: the order that their coefficients give.
//!
//! A method is of order p if for every rooted tree t of at most p vertices `sum b Phi(t) = 1 / gamma(t)`, with Phi the
//! product over the branches u at the root of `a Phi(u)` and gamma(t) the number of vertices times the gammas of the
//! branches (Butcher 2016, "Numerical Methods for Ordinary Differential Equations", section 315).

use std::fmt;
use std::sync::LazyLock;

/// The highest order that is looked at.
pub const HIGHEST: usize = 8;

/// How far off a condition may be: coefficients are often given with 16 digits.
const TOLERANCE: f64 = 1e-10;

/// Coefficients of a method: row i of `a` weighs the stages before stage i.
#[derive(Clone, Debug, PartialEq)]
pub struct Tableau {
    /// Nodes.
    pub c: Vec<f64>,
    /// Weights of earlier stages in each stage.
    pub a: Vec<Vec<f64>>,
    /// Weights of the stages in the result.
    pub b: Vec<f64>,
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    /// What is computed, such as `sum b c^2`.
    pub words: String,
    /// What it should be.
    pub wanted: String,
    /// What it is.
    pub found: f64,
}

impl fmt::Display for Missed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} is {:.6}, not {}", self.words, self.found, self.wanted)
    }
}

impl Tableau {
    /// The order, up to [`HIGHEST`].
    pub fn order(&self) -> usize {
        (1..=HIGHEST).take_while(|order| self.missed(*order..=*order).is_none()).count()
    }

    /// The first condition of these orders that does not hold.
    pub fn missed(&self, orders: std::ops::RangeInclusive<usize>) -> Option<Missed> {
        let of_order = TREES.iter().filter(|tree| orders.contains(&tree.vertices));
        of_order.into_iter().find_map(|tree| {
            let found: f64 = self.b.iter().zip(self.weights(tree)).map(|(b, weight)| b * weight).sum();
            let off = (found - 1.0 / tree.density).abs();
            let words = ["sum b".to_owned(), tree.words()].join(" ").trim_end().to_owned();
            let wanted = if tree.density == 1.0 { "1".to_owned() } else { format!("1/{}", tree.density) };
            // What is not a number is not right either.
            (off.is_nan() || off > TOLERANCE).then_some(Missed { words, wanted, found })
        })
    }

    /// The first row of `a` whose sum is not its node.
    pub fn uneven_row(&self) -> Option<Missed> {
        self.a.iter().zip(&self.c).enumerate().find_map(|(row, (weights, node))| {
            let found: f64 = weights.iter().sum();
            let off = (found - node).abs();
            let (words, wanted) = (format!("the sum of row {row} of `a`"), format!("c[{row}] = {node}"));
            (off.is_nan() || off > TOLERANCE).then_some(Missed { words, wanted, found })
        })
    }

    /// Phi of each stage.
    fn weights(&self, tree: &Tree) -> Vec<f64> {
        let mut product = vec![1.0; self.b.len()];
        for branch in &tree.branches {
            let inner = self.weights(branch);
            for (factor, row) in product.iter_mut().zip(&self.a) {
                *factor *= row.iter().zip(&inner).map(|(a, weight)| a * weight).sum::<f64>();
            }
        }
        product
    }
}

/// A rooted tree; its branches stand in the order of [`TREES`].
#[derive(Clone, Debug)]
struct Tree {
    vertices: usize,
    density: f64,
    branches: Vec<Tree>,
}

impl Tree {
    fn of(branches: Vec<Tree>) -> Tree {
        let vertices = 1 + branches.iter().map(|branch| branch.vertices).sum::<usize>();
        let density = vertices as f64 * branches.iter().map(|branch| branch.density).product::<f64>();
        Tree { vertices, density, branches }
    }

    /// What stands behind `b`: `c^2 (a c)`.
    fn words(&self) -> String {
        let leaves = self.branches.iter().filter(|branch| branch.vertices == 1).count();
        let nodes = match leaves {
            0 => None,
            1 => Some("c".to_owned()),
            n => Some(format!("c^{n}")),
        };
        let inner = self.branches.iter().filter(|branch| branch.vertices > 1);
        let inner = inner.map(|branch| format!("(a {})", branch.words()));
        nodes.into_iter().chain(inner).collect::<Vec<_>>().join(" ")
    }
}

/// All rooted trees of up to [`HIGHEST`] vertices, smaller ones first.
static TREES: LazyLock<Vec<Tree>> = LazyLock::new(|| {
    let mut trees: Vec<Tree> = Vec::new();
    for vertices in 1..=HIGHEST {
        let mut forests = Vec::new();
        extend(&trees, 0, vertices - 1, &mut Vec::new(), &mut forests);
        trees.extend(forests.into_iter().map(Tree::of));
    }
    trees
});

/// All multisets of `trees[from..]` with this many vertices together.
fn extend(trees: &[Tree], from: usize, vertices: usize, chosen: &mut Vec<Tree>, forests: &mut Vec<Vec<Tree>>) {
    if vertices == 0 {
        return forests.push(chosen.clone());
    }
    for (at, tree) in trees.iter().enumerate().skip(from).take_while(|(_, tree)| tree.vertices <= vertices) {
        chosen.push(tree.clone());
        extend(trees, at, vertices - tree.vertices, chosen, forests);
        chosen.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A000081 of the On-Line Encyclopedia of Integer Sequences.
    #[test]
    fn trees_are_counted() {
        let counts: Vec<usize> =
            (1..=HIGHEST).map(|n| TREES.iter().filter(|tree| tree.vertices == n).count()).collect();
        assert_eq!(counts, [1, 1, 2, 4, 9, 20, 48, 115]);
    }

    fn kutta() -> Tableau {
        let a = vec![vec![], vec![0.5], vec![0.0, 0.5], vec![0.0, 0.0, 1.0]];
        Tableau { c: vec![0.0, 0.5, 0.5, 1.0], a, b: [1.0, 2.0, 2.0, 1.0].map(|b| b / 6.0).to_vec() }
    }

    #[test]
    fn a_method_has_its_order() {
        assert_eq!(kutta().order(), 4);
        assert_eq!(Tableau { b: vec![1.0, 0.0, 0.0, 0.0], ..kutta() }.order(), 1);
        assert_eq!(Tableau { b: vec![0.0, 1.0, 0.0, 0.0], ..kutta() }.order(), 2);
        assert_eq!(Tableau { b: vec![0.5; 4], ..kutta() }.order(), 0);
    }

    #[test]
    fn what_does_not_hold_is_named() {
        let missed = |b: [f64; 4]| Tableau { b: b.to_vec(), ..kutta() }.missed(1..=4).map(|missed| missed.to_string());
        assert_eq!(missed([0.5; 4]).as_deref(), Some("sum b is 2.000000, not 1"));
        assert_eq!(missed([1.0, 0.0, 0.0, 0.0]).as_deref(), Some("sum b c is 0.000000, not 1/2"));
        let simpson = [1.0 / 6.0, 4.0 / 6.0, 0.0, 1.0 / 6.0];
        assert_eq!(missed(simpson).as_deref(), Some("sum b (a c) is 0.083333, not 1/6"));
        let uneven = Tableau { c: vec![0.0, 0.4, 0.5, 1.0], ..kutta() }.uneven_row().map(|missed| missed.to_string());
        assert_eq!(uneven.as_deref(), Some("the sum of row 1 of `a` is 0.500000, not c[1] = 0.4"));
    }
}
