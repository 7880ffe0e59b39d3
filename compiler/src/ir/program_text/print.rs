//! Printing a program.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use samp_lang::ast::ClaimKind;

use super::ops::{name, told};
use crate::ir::program::{
    AdaptiveCode, Block, Func, Function, Inst, ItemBody, ItemCode, ItemRef, PipelineCode, Program, RulesCode, Shape,
    Value, ValueInfo,
};
use crate::rate::Rate;

/// The text of a program: its items, then its functions.
pub fn print(program: &Program) -> String {
    let mut out = String::new();
    for (id, item) in &program.items {
        print_item(&mut out, id, item).expect("writing to a string");
        out.push('\n');
    }
    for (id, function) in &program.funcs {
        print_function(&mut out, id, function).expect("writing to a string");
        out.push('\n');
    }
    out.pop();
    out
}

fn print_item(out: &mut String, id: ItemRef, item: &ItemCode) -> fmt::Result {
    let marked = |at: usize| if item.inflation.contains(&at) { " inflation" } else { "" };
    let options: Vec<String> =
        item.options.iter().enumerate().map(|(at, option)| format!("{}{}", name(option), marked(at))).collect();
    write!(out, "{id} {} {}({})", item.sort, name(&item.name), options.join(", "))?;
    if let ItemBody::Rules(rules) = &item.body {
        let ve = if rules.ve { " in ve" } else { "" };
        write!(out, "{ve} gives {}", rules.gives)?;
    }
    writeln!(out, " {{\n  bind {}", item.bind)?;
    match &item.body {
        ItemBody::Schedule(open) => writeln!(out, "  open {open}")?,
        ItemBody::Grid(levels) => writeln!(out, "  levels {levels}")?,
        ItemBody::Rules(rules) => print_rules(out, rules)?,
        ItemBody::Pipeline(pipeline) => print_pipeline(out, pipeline)?,
    }
    writeln!(out, "}}")
}

fn print_rules(out: &mut String, rules: &RulesCode) -> fmt::Result {
    writeln!(out, "  run {}", rules.run)?;
    for (word, kind, depth) in &rules.histories {
        writeln!(out, "  history {} {kind} {depth}", name(word))?;
    }
    for (word, init) in &rules.states {
        let init = init.map_or(String::new(), |init| format!(" {init}"));
        writeln!(out, "  state {}{init}", name(word))?;
    }
    print_names(out, "input", &rules.inputs)?;
    print_names(out, "branch", &rules.branches)?;
    print_names(out, "view", &rules.views)?;
    for family in &rules.only {
        writeln!(out, "  only {}", family.name())?;
    }
    if rules.approximate {
        writeln!(out, "  approximate")?;
    }
    if let Some(AdaptiveCode { per_sample, over, from, control, .. }) = &rules.adaptive {
        let each = if *per_sample { " per_sample" } else { "" };
        writeln!(out, "  adaptive{each} {} {from} {control}", over.name())?;
    }
    for (kind, value, when) in &rules.claims {
        let when = when.map_or(String::new(), |when| format!(" when {when}"));
        writeln!(out, "  claim {} {value}{when}", claim_word(*kind))?;
    }
    Ok(())
}

fn claim_word(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::Order => "order",
        ClaimKind::WeakOrder => "weak_order",
        ClaimKind::Evals => "evals",
    }
}

fn print_pipeline(out: &mut String, pipeline: &PipelineCode) -> fmt::Result {
    print_names(out, "input", &pipeline.inputs)?;
    for (slot, func) in &pipeline.slots {
        writeln!(out, "  slot {} {func}", slot.name())?;
    }
    if let Some(start) = pipeline.start {
        writeln!(out, "  start {start}")?;
    }
    if let Some(network) = &pipeline.network {
        writeln!(out, "  network {}", name(network))?;
    }
    Ok(())
}

fn print_names(out: &mut String, word: &str, names: &[Arc<str>]) -> fmt::Result {
    names.iter().try_for_each(|named| writeln!(out, "  {word} {}", name(named)))
}

fn print_function(out: &mut String, id: Func, function: &Function) -> fmt::Result {
    write!(out, "fn {id} {}", name(&function.name))?;
    print_params(out, function, &function.params)?;
    out.push(' ');
    print_block(out, function, &function.body, 0)?;
    writeln!(out)
}

fn print_params(out: &mut String, function: &Function, params: &[Value]) -> fmt::Result {
    let params: Vec<String> = params.iter().map(|param| defined(function, *param)).collect();
    write!(out, "({})", params.join(", "))
}

/// `v3: real step`.
fn defined(function: &Function, value: Value) -> String {
    let unknown = ValueInfo { shape: Shape::None, rate: Rate::Const };
    let info = function.values.get(value).copied().unwrap_or(unknown);
    format!("{value}: {} {}", info.shape.name(), info.rate)
}

fn print_inst(out: &mut String, function: &Function, inst: &Inst, depth: usize) -> fmt::Result {
    write!(out, "{:1$}", "", 2 * depth)?;
    if let Some(value) = inst.out {
        write!(out, "{} = ", defined(function, value))?;
    }
    write!(out, "{}{}", inst.op.word(), told(&inst.op))?;
    for arg in &inst.args {
        write!(out, " {arg}")?;
    }
    for block in &inst.blocks {
        out.push(' ');
        print_block(out, function, block, depth)?;
    }
    writeln!(out)
}

/// What each round brings, then the lines in braces.
fn print_block(out: &mut String, function: &Function, block: &Block, depth: usize) -> fmt::Result {
    if !block.params.is_empty() {
        print_params(out, function, &block.params)?;
        out.push(' ');
    }
    if block.insts.is_empty() && block.result.is_none() {
        return write!(out, "{{}}");
    }
    writeln!(out, "{{")?;
    for inst in &block.insts {
        print_inst(out, function, inst, depth + 1)?;
    }
    if let Some(result) = block.result {
        writeln!(out, "{:1$}result {result}", "", 2 * (depth + 1))?;
    }
    write!(out, "{:1$}}}", "", 2 * depth)
}
