//! Samplers that find their own steps: `adaptive`, `estimate`, `control`.

use samp_lang::ast::{self, MemberKind};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::scope::{Place, Returned, Role, Scope};
use super::{Checker, one_of};
use crate::hir::{Adaptive, Control, Coordinate, Expr, Rules, StmtKind};
use crate::rate::Rate;
use crate::types::{ItemSort, Ty};

impl Checker<'_> {
    /// Where the rule of an item is checked: a step that finds its own length does not know how many there will be.
    pub(crate) fn place_of_rule(sort: ItemSort, members: &[ast::Member]) -> Place {
        let adaptive = || members.iter().any(|member| matches!(member.kind, MemberKind::Adaptive { .. }));
        match sort {
            ItemSort::Model => Place::Model,
            ItemSort::Guidance => Place::Guidance,
            ItemSort::Sampler if adaptive() => Place::Adaptive,
            ItemSort::Sampler | ItemSort::Schedule | ItemSort::Grid | ItemSort::Pipeline => Place::Sampler,
        }
    }

    /// `adaptive`, and the `control` that belongs to it; after all other members.
    pub(crate) fn adaptive(&mut self, scope: &mut Scope, item: &ast::Rules, rules: &Rules) -> Option<Adaptive> {
        let adaptive = self.one_member(item, "adaptive", |kind| match kind {
            MemberKind::Adaptive { per_sample, over, from } => Some((*per_sample, over, from)),
            _ => None,
        });
        let control = self.one_member(item, "control", |kind| match kind {
            MemberKind::Control { step, error, body } => Some((step, error, body)),
            _ => None,
        });
        let ((span, (per_sample, over, from)), control) = match (adaptive, control) {
            (None, None) => return None,
            (Some(adaptive), Some(control)) => (adaptive, control),
            (Some((span, _)), None) => {
                let found = Diagnostic::new(Code::E0201, span, "an adaptive sampler needs a `control`");
                self.report(found.help("write `control h, e { accept e <= 1  return .. }`: the next step length"));
                return None;
            }
            (None, Some((span, _))) => {
                let found = Diagnostic::new(Code::E0201, span, "`control` decides the steps of an adaptive sampler");
                self.report(found.help("say in which coordinate: `adaptive per sample over lambda from 0.05`"));
                return None;
            }
        };
        let over = match Coordinate::from_name(&over.text) {
            Some(over) => over,
            None => {
                let known = one_of(Coordinate::ALL.iter().map(|(_, word)| *word));
                let message = format!("`{}` is no coordinate of levels", over.text);
                self.report(Diagnostic::new(Code::E0101, over.span, message).help(format!("step over {known}")));
                return None;
            }
        };
        if !per_sample {
            let found = Diagnostic::new(Code::W0518, span, "all samples of a run share the steps of this sampler");
            self.report(found.help("write `adaptive per sample over ..`: a picture is then the same in any batch"));
        }
        let from = self.first_length(scope, item, from);
        let control = self.control(scope, item, rules, control);
        Some(Adaptive { span, per_sample, over, from, control })
    }

    /// The only member of its kind.
    fn one_member<'i, T>(
        &mut self,
        item: &'i ast::Rules,
        word: &str,
        of: impl Fn(&'i MemberKind) -> Option<T>,
    ) -> Option<(Span, T)> {
        let mut found = item.members.iter().filter_map(|member| Some((member.span, of(&member.kind)?)));
        let first = found.next()?;
        if let Some((second, _)) = found.next() {
            let twice = Diagnostic::new(Code::E0202, second, format!("a sampler has one `{word}`"));
            self.report(twice.also(first.0, "the first one"));
        }
        Some(first)
    }

    /// The first step length, of the options alone.
    fn first_length(&mut self, scope: &mut Scope, item: &ast::Rules, from: &ast::Expr) -> Expr {
        let place = std::mem::replace(&mut scope.place, Place::Pipeline);
        let names = scope.names.clone();
        scope.names.retain(|(name, _)| item.params.iter().any(|param| param.name.text == *name));
        let value = self.expr(scope, from, Some(&Ty::Real));
        scope.names = names;
        scope.place = place;
        self.coerce(value, &Ty::Real)
    }

    /// `control h, e { .. }`: it knows the options and the scalars that are kept.
    fn control(
        &mut self,
        scope: &mut Scope,
        item: &ast::Rules,
        rules: &Rules,
        (span, (step, error, body)): (Span, (&ast::Name, &ast::Name, &ast::Block)),
    ) -> Control {
        let place = std::mem::replace(&mut scope.place, Place::Control);
        let names = scope.names.clone();
        let states: Vec<_> = rules.states.iter().map(|state| state.local).collect();
        let frame = &scope.frame;
        let option = |name: &str| item.params.iter().any(|param| *param.name.text == *name);
        scope.names.retain(|(name, local)| {
            option(name) || states.contains(local) && !matches!(frame.locals[*local].ty, Ty::Tensor(_))
        });
        let step_local = self.declare(scope, step, Ty::Real, Rate::Live, Role::Value);
        let error_local = self.declare(scope, error, Ty::Real, Rate::Live, Role::Value);
        let accepts = scope.decisions;
        let result = Returned { ty: Ty::Real, level: None };
        let word = ast::Name { text: "control".into(), span: step.span };
        let body = self.returning(scope, body, &result, &word);
        if scope.decisions == accepts {
            let found = Diagnostic::new(Code::E0201, step.span, "`control` never says whether a step counts");
            self.report(found.help(format!("write `accept {} <= 1` before the `return`", error.text)));
        }
        scope.names = names;
        scope.place = place;
        Control { span, step: step_local, error: error_local, body }
    }

    /// `estimate e` in the step of an adaptive sampler.
    pub(crate) fn estimate(&mut self, scope: &mut Scope, value: &ast::Expr, span: Span) -> Option<StmtKind> {
        if scope.place != Place::Adaptive || scope.in_lambda {
            let found = Diagnostic::new(Code::E0203, span, "`estimate` stands in the `step` of an adaptive sampler");
            self.report(found.help("say in which coordinate it steps: `adaptive per sample over lambda from 0.05`"));
            return None;
        }
        scope.estimates += 1;
        let value = self.expr(scope, value, None);
        if !value.ty.is_tensor() {
            self.mismatch(&value, "a tensor");
            return None;
        }
        Some(StmtKind::Estimate(value))
    }

    /// `accept e` in a `control`.
    pub(crate) fn accept(&mut self, scope: &mut Scope, value: &ast::Expr, span: Span) -> Option<StmtKind> {
        if scope.place != Place::Control || scope.in_lambda {
            self.report(
                Diagnostic::new(Code::E0203, span, "`accept` stands in the `control` of an adaptive sampler")
                    .help("write `control h, e { accept e <= 1  return .. }`"),
            );
            return None;
        }
        scope.decisions += 1;
        Some(StmtKind::Accept(self.condition(scope, value)))
    }

    /// An adaptive sampler that never estimates its error.
    pub(crate) fn needs_estimate(&mut self, scope: &Scope, adaptive: &Adaptive) {
        if scope.estimates == 0 {
            let found = Diagnostic::new(Code::E0201, adaptive.span, "the step never says how large its error is");
            self.report(found.help("write `estimate (low - high) / tolerance` in the `step`"));
        }
    }
}
