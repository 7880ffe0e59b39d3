//! Operators, built-in functions, ranges of options, integrals.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::level::Level;
use super::value::{Tensor, Value};
use super::{Machine, Result, internal};
use crate::arith::real::Function;
use crate::arith::{Arith, Operand, Real, Site, Statistic};
use crate::builtins::Builtin;
use crate::hir::Operator;
use crate::ir::op::Op;
use crate::math;
use crate::types::Kind;

impl<'p, A: Arith> Machine<'p, A> {
    pub(super) fn site(&self, span: Span) -> Site {
        Site { span, call: self.called }
    }

    /// Numbers that something is decided on.
    pub(super) fn numbers<const N: usize>(&mut self, args: &[&Value<A>], span: Span) -> Result<[f64; N]> {
        self.decides(args, span);
        let mut found = args.iter().filter_map(|arg| arg.number());
        let mut numbers = [0.0; N];
        for number in &mut numbers {
            *number = found.next().ok_or_else(|| internal(span, "operands that are no numbers"))?;
        }
        Ok(numbers)
    }

    /// A fresh draw; it takes a number also where nothing comes to read it.
    pub(super) fn draw(&mut self) -> A::Tensor {
        let draw = self.counts.draws;
        self.counts.draws += 1;
        self.arith.noise(draw)
    }

    /// Something is decided on these values.
    pub(super) fn decides(&mut self, args: &[&Value<A>], span: Span) {
        let site = self.site(span);
        for arg in args {
            if let Value::Real(number) = arg {
                self.arith.compared(number, site);
            }
        }
    }

    pub(super) fn operator(&mut self, operator: Operator, args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        match (operator, args) {
            (Operator::Not, [Value::Bool(value)]) => Ok(Value::Bool(!value)),
            (Operator::Eq, [a, b]) => self.equal(a, b, span),
            (Operator::Concat, [Value::List(a), Value::List(b)]) => {
                self.spend((a.len() + b.len()) as u64, span)?;
                Ok(Value::List(Arc::new(a.iter().chain(b.iter()).cloned().collect())))
            }
            (_, [Value::Tensor(value)]) => {
                let value = value.clone();
                self.combine(&[(A::Real::from_f64(-1.0), &value)], 0.0, span)
            }
            (_, [a, b]) if matches!(a, Value::Tensor(_)) || matches!(b, Value::Tensor(_)) => {
                self.on_tensors(operator, a, b, span)
            }
            (Operator::Lt | Operator::Le, args) => {
                self.decides(args, span);
                self.on_numbers(operator, args, span)
            }
            (_, args) => self.on_numbers(operator, args, span),
        }
    }

    fn equal(&mut self, a: &Value<A>, b: &Value<A>, span: Span) -> Result<Value<A>> {
        Ok(Value::Bool(match (a, b) {
            (Value::Level(a), Value::Level(b)) => a.same(b),
            (Value::Word(a), Value::Word(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            _ => {
                let [a, b] = self.numbers(&[a, b], span)?;
                a == b
            }
        }))
    }

    fn on_numbers(&self, operator: Operator, args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        if let Some(value) = self.on_ints(operator, args, span)? {
            return Ok(value);
        }
        let mut reals = args.iter().filter_map(|arg| arg.real());
        let (Some(a), b) = (reals.next(), reals.next()) else {
            return Err(internal(span, "operands that are no numbers"));
        };
        let Some(b) = b else {
            return match operator {
                Operator::Neg => Ok(Value::Real(-a)),
                Operator::Widen => Ok(Value::Real(a)),
                _ => Err(internal(span, "an operator of one operand")),
            };
        };
        Ok(match operator {
            Operator::Add => Value::Real(a + b),
            Operator::Sub => Value::Real(a - b),
            Operator::Mul => Value::Real(a * b),
            Operator::Div => Value::Real(a / b),
            Operator::Pow => Value::Real(a.pow(&b)),
            Operator::Lt => Value::Bool(a.to_f64() < b.to_f64()),
            Operator::Le => Value::Bool(a.to_f64() <= b.to_f64()),
            Operator::Neg
            | Operator::Widen
            | Operator::Not
            | Operator::Eq
            | Operator::Concat
            | Operator::IntDiv
            | Operator::Mod => {
                return Err(internal(span, "an operator of numbers"));
            }
        })
    }

    fn on_ints(&self, operator: Operator, args: &[&Value<A>], span: Span) -> Result<Option<Value<A>>> {
        let value = match (operator, args) {
            (Operator::Neg, [Value::Int(a)]) => a.checked_neg(),
            (Operator::Add, [Value::Int(a), Value::Int(b)]) => a.checked_add(*b),
            (Operator::Sub, [Value::Int(a), Value::Int(b)]) => a.checked_sub(*b),
            (Operator::Mul, [Value::Int(a), Value::Int(b)]) => a.checked_mul(*b),
            (Operator::IntDiv, [Value::Int(a), Value::Int(b)]) => a.checked_div(*b),
            (Operator::Mod, [Value::Int(a), Value::Int(b)]) => a.checked_rem(*b),
            _ => return Ok(None),
        };
        value.map(|value| Some(Value::Int(value))).ok_or_else(|| {
            let by_zero = matches!(args, [_, Value::Int(0)]) && matches!(operator, Operator::IntDiv | Operator::Mod);
            let what = if by_zero { "a division by 0" } else { "a whole number too large" };
            Box::new(Diagnostic::new(Code::E0504, span, format!("{what} here")))
        })
    }

    fn on_tensors(&mut self, operator: Operator, a: &Value<A>, b: &Value<A>, span: Span) -> Result<Value<A>> {
        let one = || A::Real::from_f64(1.0);
        match (operator, a, b) {
            (Operator::Add, Value::Tensor(a), Value::Tensor(b)) => self.combine(&[(one(), a), (one(), b)], 0.0, span),
            (Operator::Sub, Value::Tensor(a), Value::Tensor(b)) => self.combine(&[(one(), a), (-one(), b)], 0.0, span),
            (Operator::Mul, Value::Tensor(a), Value::Tensor(b)) => Ok(self.apply_op(Op::Mul, &[a.into(), b.into()])),
            (Operator::Div, Value::Tensor(a), Value::Tensor(b)) => Ok(self.apply_op(Op::Div, &[a.into(), b.into()])),
            (Operator::Add, Value::Tensor(x), c) | (Operator::Add, c, Value::Tensor(x)) => {
                let c = self.scalar(c, span)?;
                self.combine_with(&[(one(), x)], c, span)
            }
            (Operator::Sub, Value::Tensor(x), c) => {
                let c = self.scalar(c, span)?;
                self.combine_with(&[(one(), x)], -c, span)
            }
            (Operator::Sub, c, Value::Tensor(x)) => {
                let c = self.scalar(c, span)?;
                self.combine_with(&[(-one(), x)], c, span)
            }
            (Operator::Mul, Value::Tensor(x), c) | (Operator::Mul, c, Value::Tensor(x)) => {
                let c = self.scalar(c, span)?;
                self.combine(&[(c, x)], 0.0, span)
            }
            (Operator::Div, Value::Tensor(x), c) => {
                let c = self.scalar(c, span)?;
                let mut factor = one() / c;
                self.arith.computed(&mut factor, self.site(span));
                self.combine(&[(factor, x)], 0.0, span)
            }
            (Operator::Div, c, Value::Tensor(x)) => {
                let c = self.scalar(c, span)?;
                Ok(self.apply_op(Op::Div, &[Operand::Scalar(c), x.into()]))
            }
            _ => Err(internal(span, "an operator of tensors")),
        }
    }

    fn scalar(&self, value: &Value<A>, span: Span) -> Result<A::Real> {
        value.real().ok_or_else(|| internal(span, "a factor that is no number"))
    }

    /// A sum of multiples. A factor that is not finite is an error once the tensor is used.
    pub(super) fn combine(&mut self, terms: &[(A::Real, &Tensor<A>)], constant: f64, span: Span) -> Result<Value<A>> {
        self.combine_with(terms, A::Real::from_f64(constant), span)
    }

    fn combine_with(&mut self, terms: &[(A::Real, &Tensor<A>)], constant: A::Real, span: Span) -> Result<Value<A>> {
        let site = self.site(span);
        self.arith.at(site);
        let terms: Vec<(A::Real, &A::Tensor)> =
            terms.iter().map(|(factor, tensor)| (factor.clone(), &tensor.data)).collect();
        let data = self.arith.linear(&terms, constant);
        Ok(Value::Tensor(self.tensor(data, Kind::Tensor, None)))
    }

    fn apply_op(&mut self, op: Op, args: &[Operand<A::Real, A::Tensor>]) -> Value<A> {
        let data = self.arith.elementwise(op, args);
        Value::Tensor(self.tensor(data, Kind::Tensor, None))
    }

    pub(super) fn builtin(&mut self, builtin: Builtin, args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        if args.iter().any(|arg| matches!(arg, Value::Tensor(_))) {
            return self.builtin_of_tensors(builtin, args, span);
        }
        let real = |function: Function| -> Result<Value<A>> {
            let arg =
                args.first().and_then(|arg| arg.real()).ok_or_else(|| internal(span, "a function of no number"))?;
            Ok(Value::Real(arg.apply(function)))
        };
        match builtin {
            Builtin::Exp => real(Function::Exp),
            Builtin::Expm1 => real(Function::Expm1),
            Builtin::Ln => real(Function::Ln),
            Builtin::Ln1p => real(Function::Ln1p),
            Builtin::Sqrt => real(Function::Sqrt),
            Builtin::Sin => real(Function::Sin),
            Builtin::Cos => real(Function::Cos),
            Builtin::Tan => real(Function::Tan),
            Builtin::Atan => real(Function::Atan),
            Builtin::Tanh => real(Function::Tanh),
            Builtin::Abs => match args {
                [Value::Int(value)] => Ok(Value::Int(value.saturating_abs())),
                _ => real(Function::Abs),
            },
            Builtin::Sign => {
                let [z] = self.numbers(args, span)?;
                let sign = if z > 0.0 {
                    1.0
                } else if z < 0.0 {
                    -1.0
                } else {
                    0.0
                };
                Ok(Value::Real(A::Real::from_f64(sign)))
            }
            Builtin::Floor | Builtin::Ceil | Builtin::Round => self.rounded(builtin, args, span),
            Builtin::Min | Builtin::Max => Ok(pick(builtin == Builtin::Min, args[0], args[1])),
            Builtin::Clamp => Ok(pick(true, &pick(false, args[0], args[1]), args[2])),
            Builtin::Factorial => match args {
                [Value::Int(n)] if *n >= 0 => Ok(Value::Real(A::Real::from_f64(math::factorial(*n)))),
                _ => Err(Box::new(Diagnostic::new(Code::E0504, span, "the factorial of a negative number"))),
            },
            Builtin::Phi => match (args[0], args[1].real()) {
                (Value::Int(k), Some(z)) if (0..=64).contains(k) => Ok(Value::Real(z.phi(*k))),
                _ => Err(Box::new(Diagnostic::new(Code::E0504, span, "`phi` is there for k from 0 to 64"))),
            },
            Builtin::NormalQuantile => {
                let [u] = self.numbers(args, span)?;
                Ok(Value::Real(A::Real::from_f64(math::normal_quantile(u))))
            }
            Builtin::BetaQuantile => {
                let [u, a, b] = self.numbers(args, span)?;
                self.spend(500, span)?;
                Ok(Value::Real(A::Real::from_f64(math::beta_quantile(u, a, b))))
            }
            Builtin::Noise => {
                let asked = self.asked(self.counts.draws, span);
                self.ledger.draws.push(asked);
                let data = self.draw();
                Ok(Value::Tensor(self.tensor(data, Kind::Noise, None)))
            }
            Builtin::Renoised => match args[0] {
                Value::Level(level) => Ok(Value::Level(Arc::new(Level { renoised: true, ..(**level).clone() }))),
                _ => Err(internal(span, "a level that is none")),
            },
            Builtin::Brownian => self.brownian(args, span),
            Builtin::Len
            | Builtin::Linspace
            | Builtin::Cumprod
            | Builtin::Reverse
            | Builtin::Dedup
            | Builtin::Resample
            | Builtin::Solve => self.of_lists(builtin, args, span),
            Builtin::Norm
            | Builtin::Mean
            | Builtin::Std
            | Builtin::MaxAbs
            | Builtin::Quantile
            | Builtin::Dot
            | Builtin::Split
            | Builtin::Blend => Err(internal(span, "a function of no tensor")),
        }
    }

    /// An increment of the run's Brownian path; a draw of its own in the count of draws.
    fn brownian(&mut self, args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        let [Value::Level(from), Value::Level(to)] = args else {
            return Err(internal(span, "a path between no levels"));
        };
        if from.same(to) || from.is_pure() || to.is_pure() {
            let message = match from.same(to) {
                true => format!("the path has no increment from {} to itself", from.describe()),
                false => "the path has no end at the level without data, where rho is infinite".to_owned(),
            };
            let found = Diagnostic::new(Code::E0521, span, message);
            return Err(Box::new(
                found.help("an increment lies between two different levels with data: write the other case first"),
            ));
        }
        let draw = self.counts.draws;
        let asked = self.asked(draw, span);
        self.ledger.draws.push(asked);
        self.counts.draws += 1;
        let data = self.arith.brownian(draw, &from.rho, &to.rho);
        Ok(Value::Tensor(self.tensor(data, Kind::Noise, None)))
    }

    fn rounded(&mut self, builtin: Builtin, args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        let [z] = self.numbers(args, span)?;
        let rounded = match builtin {
            Builtin::Floor => z.floor(),
            Builtin::Ceil => z.ceil(),
            _ => math::round(z),
        };
        if rounded.is_nan() || rounded.abs() >= 9e15 {
            let message = format!("{z} cannot be rounded to a whole number");
            return Err(Box::new(Diagnostic::new(Code::E0504, span, message)));
        }
        Ok(Value::Int(rounded as i64))
    }

    fn builtin_of_tensors(&mut self, builtin: Builtin, args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        if let (Builtin::Blend, [Value::Tensor(mask), Value::Tensor(a), Value::Tensor(b)]) = (builtin, args) {
            return self.blend(mask, a, b, span);
        }
        if builtin == Builtin::Len {
            return self.of_lists(builtin, args, span);
        }
        if let (Builtin::Split, [Value::Tensor(output), Value::Int(parts)]) = (builtin, args) {
            return self.split(output, *parts, span);
        }
        if let Some(what) = statistic(builtin, args, span)? {
            return match (args[0], args.get(1)) {
                (Value::Tensor(a), Some(Value::Tensor(b))) => Ok(self.read_off(what, a, b)),
                (Value::Tensor(a), _) => Ok(self.read_off(what, a, a)),
                _ => Err(internal(span, "a statistic of no tensor")),
            };
        }
        let operand = |value: &Value<A>| match value {
            Value::Tensor(tensor) => Ok(Operand::Tensor(tensor.data.clone())),
            value => Ok(Operand::Scalar(self.scalar(value, span)?)),
        };
        let operands: Vec<Operand<A::Real, A::Tensor>> = args.iter().copied().map(operand).collect::<Result<_>>()?;
        let op = match builtin {
            Builtin::Exp => Op::Exp,
            Builtin::Ln => Op::Ln,
            Builtin::Sqrt => Op::Sqrt,
            Builtin::Abs => Op::Abs,
            Builtin::Tanh => Op::Tanh,
            Builtin::Min => Op::Min,
            Builtin::Max => Op::Max,
            Builtin::Clamp => {
                let raised = self.arith.elementwise(Op::Max, &operands[..2]);
                return Ok(self.apply_op(Op::Min, &[Operand::Tensor(raised), operands[2].clone()]));
            }
            _ => return Err(internal(span, "a function of no tensors")),
        };
        Ok(self.apply_op(op, &operands))
    }

    fn read_off(&mut self, what: Statistic, a: &Tensor<A>, b: &Tensor<A>) -> Value<A> {
        let data = self.arith.statistic(what, &a.data, &b.data);
        Value::Tensor(self.tensor(data, Kind::Tensor, None))
    }

    /// `mask a + (1 - mask) b`: exactly `a` where the mask is 1, exactly `b` where it is 0.
    fn blend(&mut self, mask: &Tensor<A>, a: &Tensor<A>, b: &Tensor<A>, span: Span) -> Result<Value<A>> {
        if let (Some(left), Some(right)) = (&a.level, &b.level)
            && !left.same(right)
        {
            let message = format!("`blend` mixes samples at {} and {}", left.describe(), right.describe());
            let found = Diagnostic::new(Code::E0402, span, message);
            return Err(Box::new(
                found.help("bring both to one level first: `transfer(x, x0(x), t)` carries `x` to `t`"),
            ));
        }
        let one = || A::Real::from_f64(1.0);
        let rest = self.arith.linear(&[(-one(), &mask.data)], one());
        let first = self.arith.elementwise(Op::Mul, &[mask.into(), a.into()]);
        let second = self.arith.elementwise(Op::Mul, &[Operand::Tensor(rest), b.into()]);
        let data = self.arith.linear(&[(one(), &first), (one(), &second)], A::Real::from_f64(0.0));
        let kind = if a.kind == b.kind { a.kind } else { Kind::Tensor };
        let level = a.level.clone().or_else(|| b.level.clone());
        Ok(Value::Tensor(self.tensor(data, kind, level)))
    }

    fn of_lists(&mut self, builtin: Builtin, args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        let list = |value: &Value<A>| match value {
            Value::List(list) => Ok(list.clone()),
            _ => Err(internal(span, "a function of no list")),
        };
        let reals = |list: &[Value<A>]| -> Vec<A::Real> { list.iter().filter_map(Value::real).collect() };
        let give = |values: Vec<A::Real>| Ok(Value::List(Arc::new(values.into_iter().map(Value::Real).collect())));
        match builtin {
            Builtin::Len => Ok(Value::Int(list(args[0])?.len() as i64)),
            Builtin::Linspace => {
                let (Some(low), Some(high), Value::Int(n)) = (args[0].real(), args[1].real(), args[2]) else {
                    return Err(internal(span, "a linspace of no numbers"));
                };
                self.spend((*n).max(0) as u64, span)?;
                give(linspace(low, high, *n))
            }
            Builtin::Cumprod => {
                let mut total = A::Real::from_f64(1.0);
                let mut out = Vec::new();
                for value in reals(&list(args[0])?) {
                    total = total * value;
                    out.push(total.clone());
                }
                give(out)
            }
            Builtin::Reverse => Ok(Value::List(Arc::new(list(args[0])?.iter().rev().cloned().collect()))),
            Builtin::Dedup => {
                let mut out: Vec<Value<A>> = Vec::new();
                for value in list(args[0])?.iter() {
                    let same = match out.last() {
                        Some(last) => matches!(self.equal(last, value, span)?, Value::Bool(true)),
                        None => false,
                    };
                    if !same {
                        out.push(value.clone());
                    }
                }
                Ok(Value::List(Arc::new(out)))
            }
            Builtin::Resample => {
                let (values, Value::Int(n)) = (reals(&list(args[0])?), args[1]) else {
                    return Err(internal(span, "a count that is none"));
                };
                if values.is_empty() {
                    return Err(Box::new(Diagnostic::new(Code::E0503, span, "an empty list cannot be resampled")));
                }
                self.spend((*n).max(0) as u64, span)?;
                let last = A::Real::from_f64((values.len() - 1) as f64);
                give(linspace(A::Real::from_f64(0.0), last, *n).iter().map(|at| interpolate(&values, at)).collect())
            }
            Builtin::Solve => {
                let rows: Vec<Vec<A::Real>> =
                    list(args[0])?.iter().map(|row| list(row).map(|row| reals(&row))).collect::<Result<_>>()?;
                let right = reals(&list(args[1])?);
                let n = right.len();
                self.spend((n * n * n) as u64, span)?;
                if rows.len() != n || rows.iter().any(|row| row.len() != n) {
                    let message = format!(
                        "`solve` needs as many equations as unknowns, found {} rows for {n} numbers",
                        rows.len()
                    );
                    return Err(Box::new(Diagnostic::new(Code::E0503, span, message)));
                }
                match crate::arith::real::solve(rows, right) {
                    Some(solution) => give(solution),
                    None => {
                        Err(Box::new(Diagnostic::new(Code::E0504, span, "this linear system has no single solution")))
                    }
                }
            }
            _ => Err(internal(span, "a function of no lists")),
        }
    }

    /// A learned list, which must have as many entries as its type says.
    pub(super) fn sized(&self, args: &[&Value<A>], option: &Arc<str>, span: Span) -> Result<Value<A>> {
        match args {
            [Value::List(list), Value::Int(entries)] if i64::try_from(list.len()) == Ok(*entries) => {
                Ok(args[0].clone())
            }
            [Value::List(list), Value::Int(entries)] => {
                let message = format!("expected a list of {entries} for `{option}`, found one of {}", list.len());
                let found = Diagnostic::new(Code::E0304, self.binding.unwrap_or(span), message);
                Err(Box::new(found.also(span, "declared here").help("numbers are learned for one number of steps")))
            }
            _ => Err(internal(span, "entries of no list")),
        }
    }

    pub(super) fn in_range(
        &mut self,
        args: &[&Value<A>],
        option: &Arc<str>,
        text: &Arc<str>,
        low: Option<bool>,
        high: Option<bool>,
        span: Span,
    ) -> Result<Value<A>> {
        let mut ends = args[1..].iter().filter_map(|arg| arg.number());
        let low = low.map(|closed| (ends.next().unwrap_or(f64::NEG_INFINITY), closed));
        let high = high.map(|closed| (ends.next().unwrap_or(f64::INFINITY), closed));
        let fits = |number: f64| {
            low.is_none_or(|(low, closed)| number > low || closed && number == low)
                && high.is_none_or(|(high, closed)| number < high || closed && number == high)
        };
        let mut numbers = Vec::new();
        flatten(args[0], &mut numbers);
        if let Some(bad) = numbers.into_iter().find(|number| !fits(*number)) {
            let message = format!("`{option}` is {bad}, which lies outside {text}");
            return Err(Box::new(
                Diagnostic::new(Code::E0304, self.binding.unwrap_or(span), message).also(span, "declared here"),
            ));
        }
        Ok(args[0].clone())
    }
}

/// The statistic that a function is, if it is one.
fn statistic<A: Arith>(builtin: Builtin, args: &[&Value<A>], span: Span) -> Result<Option<Statistic>> {
    Ok(Some(match builtin {
        Builtin::Norm => Statistic::Norm,
        Builtin::Mean => Statistic::Mean,
        Builtin::Std => Statistic::Std,
        Builtin::MaxAbs => Statistic::MaxAbs,
        Builtin::Dot => Statistic::Dot,
        Builtin::Quantile => match args[1].number() {
            Some(share) if (0.0..=1.0).contains(&share) => Statistic::Quantile(share),
            share => {
                let message =
                    format!("`quantile` is there for shares from 0 to 1, found {}", share.unwrap_or(f64::NAN));
                return Err(Box::new(Diagnostic::new(Code::E0504, span, message)));
            }
        },
        _ => return Ok(None),
    }))
}

fn flatten<A: Arith>(value: &Value<A>, numbers: &mut Vec<f64>) {
    match value {
        Value::List(list) => list.iter().for_each(|value| flatten(value, numbers)),
        value => numbers.extend(value.number()),
    }
}

impl<A: Arith> From<&Tensor<A>> for Operand<A::Real, A::Tensor> {
    fn from(tensor: &Tensor<A>) -> Self {
        Operand::Tensor(tensor.data.clone())
    }
}

fn pick<A: Arith>(smaller: bool, a: &Value<A>, b: &Value<A>) -> Value<A> {
    let (x, y) = (a.number().unwrap_or(f64::NAN), b.number().unwrap_or(f64::NAN));
    let first = if smaller { x <= y } else { x >= y };
    // A NaN is never dropped in silence.
    let chosen = if x.is_nan() || first && !y.is_nan() { a } else { b };
    match (a, b) {
        (Value::Int(_), Value::Int(_)) => chosen.clone(),
        _ => chosen.real().map_or(Value::None, Value::Real),
    }
}

fn linspace<R: Real>(low: R, high: R, n: i64) -> Vec<R> {
    (0..n)
        .map(|k| match k {
            0 => low.clone(),
            k if k + 1 == n => high.clone(),
            k => low.clone() + (high.clone() - low.clone()) * R::from_f64(k as f64 / (n - 1) as f64),
        })
        .collect()
}

fn interpolate<R: Real>(values: &[R], at: &R) -> R {
    let below = (at.to_f64().floor().max(0.0) as usize).min(values.len().saturating_sub(2));
    let share = at.clone() - R::from_f64(below as f64);
    match values.get(below + 1) {
        Some(above) => values[below].clone() + (above.clone() - values[below].clone()) * share,
        None => values[below].clone(),
    }
}
