//! Models, guidances and samplers: a rule with its members.

use std::sync::Arc;

use samp_lang::ast::{self, ClaimKind, MemberKind};
use samp_lang::diag::{Code, Diagnostic};

use super::scope::{Place, Returned, Role, Scope};
use super::{Checker, did_you_mean};
use crate::hir::{Claim, Family, History, ItemBody, ItemId, Opt, Rules, State, Stmt, StmtKind};
use crate::library::UnitId;
use crate::rate::Rate;
use crate::types::{ItemSort, Kind, Ty};

impl Checker<'_> {
    pub(crate) fn check_rules(&mut self, unit: UnitId, doc: &str, sort: ItemSort, item: &ast::Rules) -> Option<ItemId> {
        let mut scope = Scope::new(unit, Checker::place_of_rule(sort, &item.members));
        let mut options = self.options(&mut scope, &item.params, Rate::Plan);
        if sort == ItemSort::Sampler {
            for member in &item.members {
                options.extend(self.learned(&mut scope, member));
            }
        }
        let of_options = scope.names.clone();
        let ve = self.coordinates(item.coordinates.as_ref());
        let mut rule: Option<&ast::Rule> = None;
        for member in &item.members {
            if let MemberKind::Rule(found) = &member.kind
                && let Some(first) = rule.replace(found)
            {
                let found = Diagnostic::new(Code::E0202, found.word.span, format!("a {sort} has one rule"));
                self.report(found.also(first.word.span, "the first one"));
            }
        }
        let Some(rule) = rule else {
            let word =
                if sort == ItemSort::Sampler { "step x: sample@s -> sample@t" } else { "call x: sample@s -> x0" };
            let found =
                Diagnostic::new(Code::E0201, item.name.span, format!("the {sort} `{}` has no rule", item.name.text));
            self.report(found.help(format!("write `{word} {{ .. }}`")));
            return None;
        };
        let mut rules = self.signature(&mut scope, sort, rule, ve)?;
        for member in &item.members {
            // Depths, first values and claims are of the options alone: they are looked at outside of any step.
            let outer = match &member.kind {
                MemberKind::History { .. } | MemberKind::State { .. } | MemberKind::Claim(_) => {
                    Some(std::mem::replace(&mut scope.names, of_options.clone()))
                }
                _ => None,
            };
            self.member(&mut scope, sort, &mut rules, member);
            if let Some(outer) = outer {
                let declared = scope.names.split_off(of_options.len());
                scope.names = outer;
                scope.names.extend(declared);
            }
        }
        let level = match sort {
            ItemSort::Sampler => rule.to.level.clone(),
            _ if rules.gives.has_level() => rule.from.level.clone(),
            _ => None,
        };
        let result = Returned { ty: Ty::Tensor(rules.gives), level };
        rules.body = self.returning(&mut scope, &rule.body, &result, &rule.word);
        rules.adaptive = self.adaptive(&mut scope, item, &rules);
        if let Some(adaptive) = &rules.adaptive {
            self.needs_estimate(&scope, adaptive);
        }
        self.check_used(&scope);
        Some(self.add_item(scope, sort, &item.name, doc, options, ItemBody::Rules(Box::new(rules))))
    }

    fn coordinates(&mut self, name: Option<&ast::Name>) -> bool {
        let Some(name) = name else { return false };
        if &*name.text == "ve" {
            return true;
        }
        let message = format!("a rule cannot be written in `{}`", name.text);
        let found = Diagnostic::new(Code::E0204, name.span, message);
        self.report(found.help("leave it out for the schedule's own coordinates, or write `in ve` for alpha = 1"));
        false
    }

    fn signature(&mut self, scope: &mut Scope, sort: ItemSort, rule: &ast::Rule, ve: bool) -> Option<Rules> {
        let word = if sort == ItemSort::Sampler { "step" } else { "call" };
        if &*rule.word.text != word {
            let found = Diagnostic::new(
                Code::E0203,
                rule.word.span,
                format!("a {sort} has a `{word}`, not a `{}`", rule.word.text),
            );
            self.report(found);
            return None;
        }
        let Some(level) =
            rule.from.level.as_ref().filter(|level| &*rule.from.name.text == "sample" && level.index.is_none())
        else {
            let found = Diagnostic::new(Code::E0401, rule.from.span, format!("a `{word}` takes a sample at a level"));
            self.report(found.help(format!("write `{word} x: sample@s -> ..`")));
            return None;
        };
        let x = self.declare(scope, &rule.argument, Ty::Tensor(Kind::Sample), Rate::Elem, Role::Value);
        let s = self.declare(scope, &level.name, Ty::Level, Rate::Step, Role::Value);
        scope.used.extend([x, s]);
        let gives = Kind::from_name(&rule.to.name.text);
        let mut t = None;
        let fits = match (sort, gives, &rule.to.level) {
            (ItemSort::Sampler, Some(Kind::Sample), Some(to)) if to.index.is_none() => {
                let local = self.declare(scope, &to.name, Ty::Level, Rate::Step, Role::Value);
                scope.used.insert(local);
                t = Some(local);
                true
            }
            (ItemSort::Sampler, ..) => false,
            (_, Some(kind), level) => {
                kind.is_prediction() && level.as_ref().is_none_or(|to| to.name.text == level_name(rule))
            }
            (_, None, _) => false,
        };
        if !fits {
            let (what, help) = match sort {
                ItemSort::Sampler => ("a `step` gives a sample at a level", "write `step x: sample@s -> sample@t`"),
                _ => ("a `call` gives a prediction", "write `call x: sample@s -> x0`, or `eps`, `v`, `flow`, `score`"),
            };
            self.report(Diagnostic::new(Code::E0401, rule.to.span, what).help(help));
            return None;
        }
        Some(Rules {
            ve,
            x,
            s,
            t,
            gives: gives.unwrap_or(Kind::Sample),
            gives_span: rule.to.span,
            lets: Vec::new(),
            histories: Vec::new(),
            states: Vec::new(),
            inputs: Vec::new(),
            branches: Vec::new(),
            views: Vec::new(),
            body: crate::hir::Block::default(),
            only: Vec::new(),
            approximate: false,
            claims: Vec::new(),
            adaptive: None,
        })
    }

    fn member(&mut self, scope: &mut Scope, sort: ItemSort, rules: &mut Rules, member: &ast::Member) {
        let span = member.span;
        let sampler = sort == ItemSort::Sampler;
        match &member.kind {
            MemberKind::Rule(_) => {}
            MemberKind::Let(binding) => {
                let kind = self.let_stmt(scope, binding);
                rules.lets.push(Stmt { span, kind });
            }
            MemberKind::Require(condition) => {
                let value = self.condition(scope, condition);
                rules.lets.push(Stmt { span, kind: StmtKind::Require(value) });
            }
            MemberKind::Branches(names) if sort != ItemSort::Model => {
                for name in names {
                    if scope.branches.contains(&name.text) {
                        self.error(Code::E0102, name.span, format!("the branch `{}` is declared twice", name.text));
                    }
                    scope.branches.push(name.text.clone());
                    rules.branches.push(name.text.clone());
                }
            }
            MemberKind::State { name, ty, init } if sort != ItemSort::Model => {
                self.state(scope, rules, name, ty, init.as_ref());
            }
            MemberKind::History { name, kind, depth } if sampler => self.history(scope, rules, name, kind, depth),
            MemberKind::Input(input) if sampler => rules.inputs.extend(self.input(scope, input)),
            MemberKind::Claim(claim) if sampler => {
                let value = self.int(scope, &claim.value);
                let when = claim.when.as_ref().map(|when| self.condition(scope, when));
                rules.claims.push(Claim { kind: claim.kind, value, when });
            }
            MemberKind::Approximate if sampler => rules.approximate = true,
            MemberKind::Only(names) if sampler => {
                for name in names {
                    match Family::from_name(&name.text) {
                        Some(family) => rules.only.push(family),
                        None => {
                            let known: Vec<Arc<str>> = Family::ALL.iter().map(|(_, word)| Arc::from(*word)).collect();
                            let help = did_you_mean(&name.text, &known);
                            let message = format!("`{}` is no family of schedules", name.text);
                            let found = Diagnostic::new(Code::E0204, name.span, message);
                            self.report(
                                found.help(help.unwrap_or_else(|| "families are `vp`, `ve` and `flow`".to_owned())),
                            );
                        }
                    }
                }
            }
            // These belong together, and know every other member.
            MemberKind::Control { .. } | MemberKind::Adaptive { .. } if sampler => {}
            MemberKind::View { name, kind } if sort != ItemSort::Guidance => self.view(scope, sort, rules, name, kind),
            MemberKind::Learn { .. } if sampler => {}
            other => {
                let message = format!("a {sort} has no `{}`", member_word(other));
                self.error(Code::E0203, span, message);
            }
        }
    }

    /// A learned scalar, or a list of them: an option that is declared after the others, and may read them.
    ///
    /// One number behind `=` stands for every entry of a list.
    fn learned(&mut self, scope: &mut Scope, member: &ast::Member) -> Option<Opt> {
        let MemberKind::Learn { name, ty, init } = &member.kind else { return None };
        let extents = match &ty.kind {
            ast::TypeKind::Plain { kind, extents, .. } if &*kind.name.text == "real" => &extents[..],
            _ => &[None, None],
        };
        let ([] | [_]) = extents else {
            let found = Diagnostic::new(Code::E0301, ty.span, "what is learned is a `real` or a list of them");
            self.report(found.help("write `learn r: real = 0.5`, or `learn r: real[n] = 0.5` for one a step"));
            let local = self.declare(scope, name, Ty::Error, Rate::Plan, Role::Value);
            scope.used.insert(local);
            return None;
        };
        let default = match extents {
            [Some(entries)] if self.is_one_number(scope, init) => repeated(init, entries),
            _ => init.clone(),
        };
        let (doc, name) = (member.doc.clone(), name.clone());
        let param = ast::Param { doc, name, ty: Some(ty.clone()), default: Some(default) };
        let mut option = self.options(scope, &[param], Rate::Plan).pop()?;
        if let [Some(entries)] = extents {
            let inner = scope.place.options();
            let outer = std::mem::replace(&mut scope.place, inner);
            option.entries = Some(self.int(scope, entries));
            scope.place = outer;
        }
        Some(option)
    }

    /// Whether an expression is a number; its mistakes are found where it is used.
    fn is_one_number(&mut self, scope: &mut Scope, init: &ast::Expr) -> bool {
        let known = self.diagnostics.len();
        let inner = scope.place.options();
        let outer = std::mem::replace(&mut scope.place, inner);
        let value = self.expr(scope, init, None);
        scope.place = outer;
        self.diagnostics.truncate(known);
        value.ty.is_number()
    }

    /// A further output: in a model one that it gives, in a sampler one that it reads.
    fn view(&mut self, scope: &mut Scope, sort: ItemSort, rules: &mut Rules, name: &ast::Name, kind: &ast::Kind) {
        let of = match Kind::from_name(&kind.name.text) {
            Some(of @ (Kind::Weight | Kind::Tensor)) => of,
            _ => {
                let message = format!("a view is a `weight` or a `tensor`, not `{}`", kind.name.text);
                let found = Diagnostic::new(Code::E0401, kind.span, message);
                self.report(found.help("predictions of the data or the noise are views of every model"));
                Kind::Tensor
            }
        };
        let local = self.declare(scope, name, Ty::Tensor(of), Rate::Elem, Role::View);
        if sort == ItemSort::Model {
            scope.used.insert(local);
        }
        rules.views.push((name.text.clone(), of));
    }

    fn state(
        &mut self,
        scope: &mut Scope,
        rules: &mut Rules,
        name: &ast::Name,
        ty: &ast::Type,
        init: Option<&ast::Expr>,
    ) {
        let written = self.ty(scope, ty);
        self.no_bounds(written.bounds.as_ref(), name.span);
        let init = init.map(|init| {
            let value = self.expr(scope, init, Some(&written.ty));
            self.coerce(value, &written.ty)
        });
        let rate = match written.ty {
            Ty::Tensor(_) => Rate::Elem,
            _ if scope.place == Place::Adaptive => Rate::Live,
            _ => Rate::Step,
        };
        let local = self.declare(scope, name, written.ty, rate, Role::State);
        rules.states.push(State { local, init });
    }

    fn history(&mut self, scope: &mut Scope, rules: &mut Rules, name: &ast::Name, kind: &ast::Kind, depth: &ast::Expr) {
        let of = match Kind::from_name(&kind.name.text) {
            Some(of) if of.is_prediction() => of,
            _ => {
                let message = format!("a history keeps predictions, not `{}`", kind.name.text);
                self.report(
                    Diagnostic::new(Code::E0401, kind.span, message)
                        .help("write `history d: x0[2]`; a sample is kept in a `state`"),
                );
                Kind::Tensor
            }
        };
        let depth = self.int(scope, depth);
        let local = self.declare(scope, name, Ty::Tensor(of).list(), Rate::Elem, Role::History);
        rules.histories.push(History { local, kind: of, depth });
    }
}

/// `[init for each of entries]`.
fn repeated(init: &ast::Expr, entries: &ast::Expr) -> ast::Expr {
    let span = init.span;
    let zero = ast::Expr { span, kind: ast::ExprKind::Int(0) };
    // No file can write this name.
    let name = ast::Name { text: "_ entry".into(), span };
    let range = ast::Range {
        span,
        low: Some(Box::new(zero)),
        dots: ast::Dots::HalfOpen,
        high: Some(Box::new(entries.clone())),
    };
    let clauses = vec![ast::Each { name, range }];
    let list = ast::Comprehension { element: init.clone(), clauses, condition: None };
    ast::Expr { span, kind: ast::ExprKind::Comprehension(Box::new(list)) }
}

fn level_name(rule: &ast::Rule) -> Arc<str> {
    rule.from.level.as_ref().map_or_else(|| "".into(), |level| level.name.text.clone())
}

fn member_word(member: &MemberKind) -> &'static str {
    match member {
        MemberKind::Rule(_) => "rule",
        MemberKind::Control { .. } => "control",
        MemberKind::History { .. } => "history",
        MemberKind::State { .. } => "state",
        MemberKind::Input(_) => "input",
        MemberKind::View { .. } => "view",
        MemberKind::Branches(_) => "branch",
        MemberKind::Learn { .. } => "learn",
        MemberKind::Let(_) => "let",
        MemberKind::Require(_) => "require",
        MemberKind::Adaptive { .. } => "adaptive",
        MemberKind::Approximate => "approximate",
        MemberKind::Only(_) => "only",
        MemberKind::Claim(claim) => match claim.kind {
            ClaimKind::Order => "order",
            ClaimKind::WeakOrder => "weak order",
            ClaimKind::Evals => "evals",
        },
    }
}
