//! Items and their members.

use super::Tree;
use crate::ast::*;

impl Tree {
    /// An item.
    pub fn item(&mut self, item: &Item) {
        let name = item.kind.name().map_or(String::new(), |name| format!(" {}", name.text));
        self.node(format_args!("{}{name}", item.kind.keyword()), item.span);
        self.inside(|tree| {
            tree.docs(&item.doc);
            tree.item_parts(&item.kind);
        });
    }

    fn item_parts(&mut self, kind: &ItemKind) {
        match kind {
            ItemKind::Use(item) => self.use_item(item),
            ItemKind::Schedule(item) => {
                self.params(&item.params);
                self.coordinates(item.coordinates.as_ref());
                item.members.iter().for_each(|member| self.schedule_member(member));
            }
            ItemKind::Grid(item) => {
                self.params(&item.params);
                self.body(&item.body);
            }
            ItemKind::Model(item) | ItemKind::Guidance(item) | ItemKind::Sampler(item) => {
                self.params(&item.params);
                self.coordinates(item.coordinates.as_ref());
                item.members.iter().for_each(|member| self.member(member));
            }
            ItemKind::Pipeline(item) => {
                self.params(&item.params);
                item.members.iter().for_each(|member| self.pipeline_member(member));
            }
            ItemKind::Fn(item) => {
                self.params(&item.params);
                self.optional_type("result", item.result.as_ref());
                self.body(&item.body);
            }
            ItemKind::Const(item) => {
                self.optional_type("type", item.ty.as_ref());
                self.expr(&item.value);
            }
            ItemKind::Extern(item) => {
                self.params(&item.params);
                self.optional_type("result", Some(&item.result));
                if let Some(otherwise) = &item.otherwise {
                    self.part("otherwise", |tree| tree.expr(otherwise));
                }
            }
            ItemKind::Test(item) => {
                self.line(format_args!("name {:?}", item.name));
                item.expects.iter().for_each(|claim| self.part("expect", |tree| tree.expr(claim)));
            }
        }
    }

    fn use_item(&mut self, item: &Use) {
        match &item.from {
            UseFrom::Path(names) => {
                let path: Vec<&str> = names.iter().map(|name| &*name.text).collect();
                self.node(format_args!("path {}", path.join(".")), item.from_span);
            }
            UseFrom::File(path) => self.node(format_args!("file {path:?}"), item.from_span),
        }
        item.names.iter().for_each(|name| self.name("name", name));
    }

    fn schedule_member(&mut self, member: &ScheduleMember) {
        match member {
            ScheduleMember::Clock { name, domain } => {
                self.name("clock", name);
                self.inside(|tree| tree.domain(domain));
            }
            ScheduleMember::Curve { coordinate, value } => self.named("curve", coordinate, value),
            ScheduleMember::Inverse { name, value } => self.named("inverse", name, value),
            ScheduleMember::Let(binding) => self.binding("let", binding),
            ScheduleMember::Require(condition) => self.part("require", |tree| tree.expr(condition)),
        }
    }

    fn pipeline_member(&mut self, member: &PipelineMember) {
        match member {
            PipelineMember::Input(input) => self.input(input),
            PipelineMember::Let(binding) => self.binding("let", binding),
            PipelineMember::Slot { slot, value } => self.named("slot", slot, value),
        }
    }

    fn member(&mut self, member: &Member) {
        self.node("member", member.span);
        self.inside(|tree| {
            tree.docs(&member.doc);
            tree.member_kind(&member.kind);
        });
    }

    fn member_kind(&mut self, kind: &MemberKind) {
        match kind {
            MemberKind::Rule(rule) => self.rule(rule),
            MemberKind::Control { step, error, body } => {
                self.line(format_args!("control {} {}", step.text, error.text));
                self.inside(|tree| tree.block(body));
            }
            MemberKind::History { name, kind, depth } => {
                self.name("history", name);
                self.inside(|tree| {
                    tree.kind(kind);
                    tree.expr(depth);
                });
            }
            MemberKind::State { name, ty, init } => {
                self.name("state", name);
                self.inside(|tree| {
                    tree.ty(ty);
                    init.iter().for_each(|value| tree.expr(value));
                });
            }
            MemberKind::Input(input) => self.input(input),
            MemberKind::View { name, kind } => {
                self.name("view", name);
                self.inside(|tree| tree.kind(kind));
            }
            MemberKind::Branches(names) => names.iter().for_each(|name| self.name("branch", name)),
            MemberKind::Learn { name, ty, init } => {
                self.name("learn", name);
                self.inside(|tree| {
                    tree.ty(ty);
                    tree.expr(init);
                });
            }
            MemberKind::Let(binding) => self.binding("let", binding),
            MemberKind::Require(condition) => self.part("require", |tree| tree.expr(condition)),
            MemberKind::Adaptive { per_sample, over, from } => {
                let word = if *per_sample { "adaptive per sample over" } else { "adaptive over" };
                self.named(word, over, from);
            }
            MemberKind::Approximate => self.line("approximate"),
            MemberKind::Only(names) => names.iter().for_each(|name| self.name("only", name)),
            MemberKind::Claim(claim) => self.claim(claim),
        }
    }

    fn rule(&mut self, rule: &Rule) {
        self.line(format_args!("{} {}", rule.word.text, rule.argument.text));
        self.inside(|tree| {
            tree.kind(&rule.from);
            tree.kind(&rule.to);
            tree.block(&rule.body);
        });
    }

    fn claim(&mut self, claim: &Claim) {
        let word = match claim.kind {
            ClaimKind::Order => "order",
            ClaimKind::WeakOrder => "weak order",
            ClaimKind::Evals => "evals",
        };
        self.part(word, |tree| tree.expr(&claim.value));
        claim.when.iter().for_each(|condition| self.part("when", |tree| tree.expr(condition)));
    }

    fn input(&mut self, input: &Input) {
        self.name("input", &input.name);
        self.inside(|tree| tree.ty(&input.ty));
    }

    fn coordinates(&mut self, name: Option<&Name>) {
        name.into_iter().for_each(|name| self.name("in", name));
    }

    fn body(&mut self, body: &Body) {
        match body {
            Body::Block(block) => self.block(block),
            Body::Expr(value) => self.expr(value),
        }
    }

    /// Parameters, each with its type and default.
    pub fn params(&mut self, params: &[Param]) {
        for param in params {
            self.name("param", &param.name);
            self.inside(|tree| {
                tree.docs(&param.doc);
                param.ty.iter().for_each(|ty| tree.ty(ty));
                param.default.iter().for_each(|value| tree.expr(value));
            });
        }
    }

    /// A word and a name.
    pub fn name(&mut self, word: &str, name: &Name) {
        self.node(format_args!("{word} {}", name.text), name.span);
    }

    /// A word, a name, and a value below.
    pub fn named(&mut self, word: &str, name: &Name, value: &Expr) {
        self.name(word, name);
        self.inside(|tree| tree.expr(value));
    }

    fn optional_type(&mut self, word: &str, ty: Option<&Type>) {
        ty.into_iter().for_each(|ty| self.part(word, |tree| tree.ty(ty)));
    }
}
