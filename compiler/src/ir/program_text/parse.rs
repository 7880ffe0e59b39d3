//! Parsing a program.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use cranelift_entity::{EntityRef, PrimaryMap};
use samp_lang::ast::ClaimKind;
use samp_lang::source::{FileId, Span};

use super::lex::{Cursor, Token};
use super::{TextError, ops};
use crate::hir::{Coordinate, Family, Slot};
use crate::ir::program::{
    AdaptiveCode, Block, Func, Function, Inst, ItemBody, ItemCode, PipelineCode, Program, RulesCode, Shape, SpanTag,
    Value, ValueInfo,
};
use crate::rate::Rate;
use crate::types::ItemSort;

/// Text has no spans.
const NOWHERE: Span = Span { file: FileId(0), start: 0, end: 0 };

/// How deep blocks may nest; programs that can be lowered stay far below.
const MAX_DEPTH: usize = 256;

/// The program that `text` describes, unverified.
///
/// # Errors
///
/// The first line that does not parse.
pub fn parse(text: &str) -> Result<Program, TextError> {
    let text = &mut Cursor::new(text)?;
    let mut program = Program::default();
    while text.peek().is_some() {
        if text.keyword("fn") {
            expect_next(text, "f", program.funcs.next_key())?;
            program.funcs.push(function(text)?);
        } else {
            expect_next(text, "item", program.items.next_key())?;
            program.items.push(item(text)?);
        }
    }
    Ok(program)
}

fn expect_next<I: EntityRef + std::fmt::Display>(text: &mut Cursor, prefix: &str, next: I) -> Result<(), TextError> {
    let found: I = text.id(prefix)?;
    if found == next { Ok(()) } else { text.error(format!("expected `{next}`, found `{found}`")) }
}

fn func(text: &mut Cursor) -> Result<Func, TextError> {
    text.id("f")
}

fn name(text: &mut Cursor) -> Result<Arc<str>, TextError> {
    text.name().map(Arc::from)
}

fn item(text: &mut Cursor) -> Result<ItemCode, TextError> {
    let sort = text.word("a sort of items", ItemSort::from_name)?;
    let item_name = name(text)?;
    text.expect_sign('(')?;
    let marked = text.until(')', Some(','), |text| Ok((name(text)?, text.keyword("inflation"))))?;
    let inflation = marked.iter().enumerate().filter(|(_, (_, marked))| *marked).map(|(at, _)| at).collect();
    let options = marked.into_iter().map(|(option, _)| option).collect();
    let (bind, body) = match sort {
        ItemSort::Schedule => one_function(text, "open", ItemBody::Schedule)?,
        ItemSort::Grid => one_function(text, "levels", ItemBody::Grid)?,
        ItemSort::Model | ItemSort::Guidance | ItemSort::Sampler => rules(text)?,
        ItemSort::Pipeline => pipeline(text)?,
    };
    Ok(ItemCode { sort, name: item_name, span: SpanTag(NOWHERE), options, inflation, bind, body })
}

/// `{`, and the line that binds the options.
fn open_item(text: &mut Cursor) -> Result<Func, TextError> {
    text.expect_sign('{')?;
    text.end_line()?;
    member(text, "bind")
}

/// `bind f0`.
fn member(text: &mut Cursor, word: &str) -> Result<Func, TextError> {
    text.expect_keyword(word)?;
    let found = func(text)?;
    text.end_line()?;
    Ok(found)
}

fn one_function(text: &mut Cursor, word: &str, body: fn(Func) -> ItemBody) -> Result<(Func, ItemBody), TextError> {
    let bind = open_item(text)?;
    let body = body(member(text, word)?);
    text.expect_sign('}')?;
    text.end_line()?;
    Ok((bind, body))
}

fn rules(text: &mut Cursor) -> Result<(Func, ItemBody), TextError> {
    let ve = text.keyword("in");
    if ve {
        text.expect_keyword("ve")?;
    }
    text.expect_keyword("gives")?;
    let gives = ops::kind(text)?;
    let bind = open_item(text)?;
    let mut rules = RulesCode {
        ve,
        gives,
        run: member(text, "run")?,
        histories: Vec::new(),
        states: Vec::new(),
        inputs: Vec::new(),
        branches: Vec::new(),
        views: Vec::new(),
        only: Vec::new(),
        approximate: false,
        claims: Vec::new(),
        adaptive: None,
    };
    while !text.sign('}') {
        rules_member(text, &mut rules)?;
        text.end_line()?;
    }
    text.end_line()?;
    Ok((bind, ItemBody::Rules(rules)))
}

fn rules_member(text: &mut Cursor, rules: &mut RulesCode) -> Result<(), TextError> {
    if text.keyword("history") {
        rules.histories.push((name(text)?, ops::kind(text)?, func(text)?));
    } else if text.keyword("state") {
        let state = name(text)?;
        let init = if text.peek() == Some(&Token::End) { None } else { Some(func(text)?) };
        rules.states.push((state, init));
    } else if text.keyword("input") {
        rules.inputs.push(name(text)?);
    } else if text.keyword("branch") {
        rules.branches.push(name(text)?);
    } else if text.keyword("view") {
        rules.views.push(name(text)?);
    } else if text.keyword("only") {
        rules.only.push(text.word("a family", Family::from_name)?);
    } else if text.keyword("approximate") {
        rules.approximate = true;
    } else if text.keyword("adaptive") {
        rules.adaptive = Some(AdaptiveCode {
            span: SpanTag(NOWHERE),
            per_sample: text.keyword("per_sample"),
            over: text.word("a coordinate", Coordinate::from_name)?,
            from: func(text)?,
            control: func(text)?,
        });
    } else if text.keyword("claim") {
        let kind = text.word("`order`, `weak_order` or `evals`", |word| match word {
            "order" => Some(ClaimKind::Order),
            "weak_order" => Some(ClaimKind::WeakOrder),
            "evals" => Some(ClaimKind::Evals),
            _ => None,
        })?;
        let value = func(text)?;
        let when = if text.keyword("when") { Some(func(text)?) } else { None };
        rules.claims.push((kind, value, when));
    } else {
        return text.unexpected("a member of a rule or `}`");
    }
    Ok(())
}

fn pipeline(text: &mut Cursor) -> Result<(Func, ItemBody), TextError> {
    let bind = open_item(text)?;
    let mut pipeline = PipelineCode { inputs: Vec::new(), slots: Vec::new(), start: None, network: None };
    while !text.sign('}') {
        if text.keyword("input") {
            pipeline.inputs.push(name(text)?);
        } else if text.keyword("slot") {
            pipeline.slots.push((text.word("a slot", Slot::from_name)?, func(text)?));
        } else if text.keyword("start") {
            pipeline.start = Some(func(text)?);
        } else if text.keyword("network") {
            pipeline.network = Some(name(text)?);
        } else {
            return text.unexpected("a member of a pipeline or `}`");
        }
        text.end_line()?;
    }
    text.end_line()?;
    Ok((bind, ItemBody::Pipeline(pipeline)))
}

fn function(text: &mut Cursor) -> Result<Function, TextError> {
    let line = text.line();
    let name = text.name()?;
    let mut values = BTreeMap::new();
    text.expect_sign('(')?;
    let params = text.until(')', Some(','), |text| definition(text, &mut values))?;
    let body = block(text, &mut values, 0)?;
    text.end_line()?;
    Ok(Function { name, params, values: numbered(values, line)?, body })
}

type Values = BTreeMap<Value, ValueInfo>;

/// The values of a function, which must be numbered without a gap.
fn numbered(found: Values, line: usize) -> Result<PrimaryMap<Value, ValueInfo>, TextError> {
    let mut values = PrimaryMap::new();
    for (value, info) in found {
        let next: Value = values.next_key();
        if next != value {
            let message = format!("expected a function that defines `{next}`, found `{value}` next");
            return Err(TextError { line, message });
        }
        values.push(info);
    }
    Ok(values)
}

/// `v3: real step`.
fn definition(text: &mut Cursor, values: &mut Values) -> Result<Value, TextError> {
    let value: Value = text.id("v")?;
    text.expect_sign(':')?;
    let shape = text.word("a shape", Shape::from_name)?;
    let rate = text.word("a rate", Rate::from_name)?;
    match values.entry(value) {
        Entry::Vacant(place) => {
            place.insert(ValueInfo { shape, rate });
            Ok(value)
        }
        Entry::Occupied(_) => text.error(format!("expected another value, found `{value}` a second time")),
    }
}

fn block(text: &mut Cursor, values: &mut Values, depth: usize) -> Result<Block, TextError> {
    if depth == MAX_DEPTH {
        return text.error(format!("expected at most {MAX_DEPTH} blocks in each other"));
    }
    let mut block = Block::default();
    if text.sign('(') {
        block.params = text.until(')', Some(','), |text| definition(text, values))?;
    }
    text.expect_sign('{')?;
    if text.sign('}') {
        return Ok(block);
    }
    text.end_line()?;
    while !text.sign('}') {
        if text.keyword("result") {
            block.result = Some(text.id("v")?);
            text.end_line()?;
            text.expect_sign('}')?;
            break;
        }
        block.insts.push(inst(text, values, depth)?);
        text.end_line()?;
    }
    Ok(block)
}

fn inst(text: &mut Cursor, values: &mut Values, depth: usize) -> Result<Inst, TextError> {
    let out = if text.at_definition() { Some(definition(text, values)?) } else { None };
    if out.is_some() {
        text.expect_sign('=')?;
    }
    let word = text.word("an operation", |word| Some(word.to_owned()))?;
    let op = ops::op(&word, text)?;
    let mut args = Vec::new();
    while let Some(Token::Word(_)) = text.peek() {
        args.push(text.id("v")?);
    }
    let mut blocks = Vec::new();
    while let Some(Token::Sign('(' | '{')) = text.peek() {
        blocks.push(block(text, values, depth + 1)?);
    }
    Ok(Inst { out, op, args, blocks, span: NOWHERE })
}
