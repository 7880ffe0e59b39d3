//! The generated parser, and a cursor over the parts of a rule.

use pest::iterators::{Pair, Pairs};

/// The parser that `samp.pest` describes.
#[derive(pest_derive::Parser)]
#[grammar = "samp.pest"]
pub struct Grammar;

/// The parts of a rule that carry meaning, in order: keywords and punctuation are left out.
pub struct Parts<'i>(Pairs<'i, Rule>);

impl<'i> Parts<'i> {
    /// The parts of this pair.
    pub fn of(pair: Pair<'i, Rule>) -> Self {
        Parts(pair.into_inner())
    }

    /// The next part; the grammar says that there is one.
    pub fn need(&mut self) -> Pair<'i, Rule> {
        self.next().expect("the grammar has this part in the rule")
    }

    /// The next part if it is of this rule.
    pub fn optional(&mut self, rule: Rule) -> Option<Pair<'i, Rule>> {
        self.skip_marks();
        let found = self.0.peek().is_some_and(|pair| pair.as_rule() == rule);
        if found { self.0.next() } else { None }
    }

    /// Passes a keyword, if it stands next.
    pub fn pass(&mut self, keyword: Rule) {
        if self.0.peek().is_some_and(|pair| pair.as_rule() == keyword) {
            self.0.next();
        }
    }

    /// The rule of the next part.
    pub fn peek(&mut self) -> Option<Rule> {
        self.skip_marks();
        self.0.peek().map(|pair| pair.as_rule())
    }

    /// Where the keyword or part that stands next starts, in the parsed text.
    pub fn start(&self) -> Option<usize> {
        self.0.peek().map(|pair| pair.as_span().start())
    }

    fn skip_marks(&mut self) {
        while self.0.peek().is_some_and(|pair| is_mark(pair.as_rule())) {
            self.0.next();
        }
    }
}

impl<'i> Iterator for Parts<'i> {
    type Item = Pair<'i, Rule>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_marks();
        self.0.next()
    }
}

/// Words and punctuation that only introduce or part. The grammar declares them in one stretch.
fn is_mark(rule: Rule) -> bool {
    (Rule::kw_let..=Rule::rbrace).contains(&rule) || rule == Rule::EOI
}
