//! Members of models, guidances and samplers.

use pest::iterators::Pair;

use super::build::{Builder, docs};
use super::grammar::{Parts, Rule as Part};
use crate::ast::*;

impl Builder<'_> {
    /// A member with its documentation; its span starts at its word.
    pub fn member(&mut self, pair: Pair<'_, Part>) -> Member {
        let mut parts = Parts::of(pair);
        let doc = docs(&mut parts);
        let pair = parts.need();
        Member { doc, span: self.span(&pair), kind: self.member_kind(pair) }
    }

    fn member_kind(&mut self, pair: Pair<'_, Part>) -> MemberKind {
        let rule = pair.as_rule();
        let mut parts = Parts::of(pair);
        match rule {
            Part::step_rule => MemberKind::Rule(self.rule(parts)),
            Part::control => self.control(parts),
            Part::history => self.history(parts),
            Part::state => self.state(parts),
            Part::input => MemberKind::Input(self.input(parts)),
            Part::view => MemberKind::View { name: self.name(parts.need()), kind: self.kind(parts.need()) },
            Part::branches => MemberKind::Branches(self.names(parts)),
            Part::learn => self.learn(parts),
            Part::let_stmt => MemberKind::Let(self.binding(parts)),
            Part::require => MemberKind::Require(self.expr(parts.need())),
            Part::adaptive => self.adaptive(parts),
            Part::approximate => MemberKind::Approximate,
            Part::only => MemberKind::Only(self.names(parts)),
            Part::order => MemberKind::Claim(self.claim(ClaimKind::Order, parts)),
            Part::weak_order => MemberKind::Claim(self.claim(ClaimKind::WeakOrder, parts)),
            Part::evals => MemberKind::Claim(self.claim(ClaimKind::Evals, parts)),
            other => unreachable!("a member is no {other:?}"),
        }
    }

    fn rule(&mut self, mut parts: Parts<'_>) -> Rule {
        Rule {
            word: self.name(parts.need()),
            argument: self.name(parts.need()),
            from: self.kind(parts.need()),
            to: self.kind(parts.need()),
            body: self.block(parts.need()),
        }
    }

    fn control(&mut self, mut parts: Parts<'_>) -> MemberKind {
        let step = self.name(parts.need());
        let error = self.name(parts.need());
        MemberKind::Control { step, error, body: self.block(parts.need()) }
    }

    fn history(&mut self, mut parts: Parts<'_>) -> MemberKind {
        let name = self.name(parts.need());
        let kind = self.kind(parts.need());
        MemberKind::History { name, kind, depth: self.expr(parts.need()) }
    }

    fn state(&mut self, mut parts: Parts<'_>) -> MemberKind {
        let name = self.name(parts.need());
        let ty = self.ty(parts.need());
        MemberKind::State { name, ty, init: parts.next().map(|pair| self.expr(pair)) }
    }

    /// `input known: sample@clean`, also in pipelines.
    pub fn input(&mut self, mut parts: Parts<'_>) -> Input {
        Input { name: self.name(parts.need()), ty: self.ty(parts.need()) }
    }

    fn learn(&mut self, mut parts: Parts<'_>) -> MemberKind {
        let name = self.name(parts.need());
        let ty = self.ty(parts.need());
        MemberKind::Learn { name, ty, init: self.expr(parts.need()) }
    }

    fn adaptive(&mut self, mut parts: Parts<'_>) -> MemberKind {
        let per_sample = parts.optional(Part::per_sample).is_some();
        let over = self.name(parts.need());
        MemberKind::Adaptive { per_sample, over, from: self.expr(parts.need()) }
    }

    fn claim(&mut self, kind: ClaimKind, mut parts: Parts<'_>) -> Claim {
        let value = self.expr(parts.need());
        let when = parts.optional(Part::when).map(|pair| self.expr(Parts::of(pair).need()));
        Claim { kind, value, when }
    }
}
