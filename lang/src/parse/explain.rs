//! The message of a syntax error: what was found, what was expected, and how to mend it.

use pest::error::{Error, ErrorVariant, InputLocation};

use super::Input;
use super::grammar::Rule;
use super::hints;
use super::recover::{Chunk, ITEM_WORDS};
use super::tokens::{Kind, Token};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// Where and why the grammar gave up.
#[derive(Clone, Copy)]
pub struct Failure<'a> {
    /// The text.
    pub input: Input<'a>,
    /// The part that was read.
    pub chunk: Chunk,
    /// The tokens of that part.
    pub tokens: &'a [Token],
    /// The byte that could not be read.
    pub at: usize,
    /// The index in `tokens` of what stands there; past the end if the part ends there.
    pub found: usize,
    /// What the grammar tried there.
    pub expected: &'a [Rule],
}

impl<'a> Failure<'a> {
    /// What was found; `None` at the end.
    pub fn found(&self) -> Option<Token> {
        self.tokens.get(self.found).copied()
    }

    /// The text of the token that is `by` places from what was found; empty beyond the ends.
    pub fn text(&self, by: isize) -> &'a str {
        self.near(by).map_or("", |token| token.text(self.input.text))
    }

    /// The token that is `by` places from what was found.
    pub fn near(&self, by: isize) -> Option<Token> {
        self.found.checked_add_signed(by).and_then(|k| self.tokens.get(k)).copied()
    }

    /// Whether the grammar tried this there.
    pub fn expects(&self, rule: Rule) -> bool {
        self.expected.contains(&rule)
    }

    /// Whether an operand stands before, so that an operator could follow.
    pub fn after_operand(&self) -> bool {
        self.expects(Rule::mul)
    }

    /// The span of a token.
    pub fn span(&self, token: Token) -> Span {
        Span { file: self.input.file, start: token.start as u32, end: token.end as u32 }
    }

    /// Where to point: at what was found, or behind the last word if a line or the text ends there.
    pub fn place(&self) -> Span {
        match self.found() {
            Some(token) if token.kind != Kind::Newline => self.span(token),
            _ => {
                let last = self.tokens[..self.found.min(self.tokens.len())].iter().rev();
                let end = last.clone().find(|token| token.kind != Kind::Newline).map_or(self.chunk.start, |t| t.end);
                Span { file: self.input.file, start: end as u32, end: end as u32 }
            }
        }
    }
}

/// The diagnostic of a failed parse of a chunk.
pub fn explain(input: Input<'_>, chunk: Chunk, error: &Error<Rule>) -> Diagnostic {
    let at = chunk.start
        + match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
        };
    let tokens = chunk.tokens(input);
    let found = tokens.partition_point(|token| token.end <= at);
    match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => {
            let failure = Failure { input, chunk, tokens, at, found, expected: positives };
            hints::hint(&failure).unwrap_or_else(|| general(&failure))
        }
        ErrorVariant::CustomError { .. } => {
            let span = Span { file: input.file, start: at as u32, end: at as u32 };
            Diagnostic::new(Code::E0003, span, "the text is nested too deep to be read")
                .help("name the inner parts with `let`, or move them into a `fn`")
        }
    }
}

/// What was expected and what was found.
fn general(failure: &Failure<'_>) -> Diagnostic {
    let expected = expected_words(failure);
    let message = format!("expected {}, found {}", join(&expected), found_words(failure));
    let mut diagnostic = Diagnostic::new(Code::E0002, failure.place(), message);
    diagnostic = match expected.as_slice() {
        [one] => diagnostic.label(format!("expected {one}")),
        _ => diagnostic.label("not expected here"),
    };
    if let Some(open) = open_bracket(failure).filter(|_| expects_close(failure)) {
        diagnostic = diagnostic.also(failure.span(open), "opened here");
    }
    diagnostic.help = help(failure);
    diagnostic
}

fn expects_close(failure: &Failure<'_>) -> bool {
    [Rule::rparen, Rule::rbracket, Rule::close].iter().any(|rule| failure.expects(*rule))
}

/// What to do about the commonest of the general errors.
fn help(failure: &Failure<'_>) -> Option<String> {
    let name = |by| failure.near(by).filter(|token| token.kind == Kind::Word).map(|_| cut(failure.text(by)));
    let word = failure.found().is_some_and(|token| token.kind == Kind::Word);
    if let (Some(before), true) = (name(-1), failure.expects(Rule::colon)) {
        return Some(match word {
            true => format!("a type stands behind a colon: `{before}: {}`", cut(failure.text(0))),
            false if failure.expects(Rule::equals) => format!("give it a value: `{before} = ..`"),
            false => format!("say what it is: `{before}: ..`"),
        });
    }
    if expects_close(failure) {
        return Some("separate what is in the brackets by commas, and close them".to_owned());
    }
    if failure.after_operand() && failure.found().is_some_and(|token| token.kind != Kind::Newline) {
        return Some("put an operator between two values, and each statement on a line of its own".to_owned());
    }
    if failure.expects(Rule::name) && ITEM_WORDS.contains(&failure.text(-1)) {
        return Some(format!("give it a name: `{} my_name ..`", failure.text(-1)));
    }
    if failure.expects(Rule::lbrace) {
        return Some("put `{` at the end of this line, and `}` where the block ends".to_owned());
    }
    None
}

/// The innermost bracket that is open where the parse failed.
fn open_bracket(failure: &Failure<'_>) -> Option<Token> {
    let mut open = Vec::new();
    for token in failure.tokens.iter().take(failure.found) {
        match token.kind {
            Kind::Open => open.push(*token),
            Kind::Close => drop(open.pop()),
            Kind::Word | Kind::Number | Kind::Str | Kind::OpenStr | Kind::Sign => {}
            Kind::Doc | Kind::Newline | Kind::Stray => {}
        }
    }
    open.pop()
}

/// A text short enough for a message.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What was found, in words.
pub fn found_words(failure: &Failure<'_>) -> String {
    let last_chunk = failure.chunk.end == failure.input.text.len();
    match failure.found() {
        None if last_chunk => "the end of the file".to_owned(),
        None => "the end of the item".to_owned(),
        Some(token) => match token.kind {
            Kind::Newline => "the end of the line".to_owned(),
            Kind::Str => "a string".to_owned(),
            Kind::Doc => "a `///` line".to_owned(),
            Kind::Word | Kind::Number | Kind::OpenStr | Kind::Sign | Kind::Open | Kind::Close | Kind::Stray => {
                format!("`{}`", cut(token.text(failure.input.text)))
            }
        },
    }
}

/// What was expected, in words, without what follows from the rest.
fn expected_words(failure: &Failure<'_>) -> Vec<&'static str> {
    let mut words: Vec<&'static str> = Vec::new();
    let first_on_line = failure.found > 0 && failure.near(-1).is_some_and(|token| token.kind == Kind::Newline);
    let ends_line = !first_on_line && (failure.expects(Rule::rbrace) || failure.expects(Rule::EOI));
    if failure.after_operand() && ends_line {
        words.push("the end of the line");
    }
    for rule in failure.expected {
        let after_newline = ends_line && failure.after_operand() && matches!(rule, Rule::rbrace | Rule::EOI);
        let operator = failure.after_operand() && continues_operand(*rule);
        let implied = after_newline || operator || is_optional_before(failure, *rule);
        let word = if implied { None } else { rule_words(*rule) };
        words.extend(word.filter(|word| !words.contains(word)));
    }
    if words.is_empty() {
        words.push(if failure.after_operand() { "an operator or the end of the line" } else { "the end of the line" });
    }
    words
}

fn join(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Whether a rule may be left out where a plainer one was expected: a type before `=`, a default before `,`.
fn is_optional_before(failure: &Failure<'_>, rule: Rule) -> bool {
    let comma = failure.expects(Rule::comma);
    match rule {
        Rule::colon => comma || failure.expects(Rule::equals),
        Rule::equals => comma,
        _ => false,
    }
}

/// Rules that may follow any operand; they are not worth a word where something else is expected.
fn continues_operand(rule: Rule) -> bool {
    use Rule::*;
    matches!(
        rule,
        add | lead_add
            | mul
            | cmp
            | pow
            | within
            | kw_in
            | kw_and
            | kw_or
            | call
            | index
            | field
            | cast
            | kw_as
            | comprehension
            | each
            | kw_for
            | kw_if
            | kw_else
            | closed
            | half_open
    )
}

/// What a rule is called in messages; `None` for rules that need no word beside others.
fn rule_words(rule: Rule) -> Option<&'static str> {
    names_of_things(rule).or_else(|| names_of_signs(rule)).or_else(|| names_of_words(rule))
}

fn names_of_things(rule: Rule) -> Option<&'static str> {
    use Rule::*;
    Some(match rule {
        name | path => "a name",
        expression | expr | sum | number | group | list | lambda | if_expr | match_expr | minus | arg | boolean
        | none => "an expression",
        string => "a string",
        file | item => "an item",
        member => "a member",
        schedule_member => "a member of a schedule",
        pipeline_member | slot_name => "a slot",
        curve_name => "a coordinate",
        stmt => "a statement",
        r#type | plain | choice | fn_type => "a type",
        kind => "a kind",
        level => "a level",
        params => "`(`",
        param => "an option",
        interval => "an interval",
        range => "a range",
        open => "`[` or `(`",
        close => "`]` or `)`",
        members | block => "`{`",
        pattern | arm => "a pattern",
        expect => "`expect`",
        coordinates => "`in`",
        when => "`when`",
        call | index | field | pow | mul | add | lead_add | cmp | within => "an operator",
        closed | half_open => "`..`",
        cast => "`as`",
        comprehension | each => "`for`",
        rule_word => "`step` or `call`",
        per_sample => "`per sample`",
        approximate => "`approximate`",
        EOI => "the end of the file",
        _ => return None,
    })
}

fn names_of_signs(rule: Rule) -> Option<&'static str> {
    use Rule::*;
    Some(match rule {
        comma => "`,`",
        colon => "`:`",
        equals => "`=`",
        arrow => "`->`",
        gives => "`=>`",
        keeps => "`<-`",
        dot => "`.`",
        at_sign => "`@`",
        bar => "`|`",
        lparen => "`(`",
        rparen => "`)`",
        lbracket => "`[`",
        rbracket => "`]`",
        lbrace => "`{`",
        rbrace => "`}`",
        _ => return None,
    })
}

fn names_of_words(rule: Rule) -> Option<&'static str> {
    use Rule::*;
    Some(match rule {
        kw_in => "`in`",
        kw_as => "`as`",
        kw_because => "`because`",
        kw_for => "`for`",
        kw_if => "`if`",
        kw_else => "`else`",
        kw_and => "`and`",
        kw_or => "`or`",
        kw_not => "`not`",
        kw_when => "`when`",
        kw_over => "`over`",
        kw_from => "`from`",
        kw_sample => "`sample`",
        kw_order => "`order`",
        kw_expect => "`expect`",
        kw_sampler => "an item",
        kw_history => "a member",
        kw_clock => "a member of a schedule",
        kw_emit => "a statement",
        _ => return None,
    })
}
