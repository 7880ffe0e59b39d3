//! Names and casts: what a tensor is said to be.

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::value::{Tensor, Value};
use super::{Machine, Result, internal};
use crate::arith::{Arith, Naming, Real};
use crate::types::Kind;

impl<'p, A: Arith> Machine<'p, A> {
    pub(super) fn name(&mut self, args: &[&Value<A>], kind: Kind, level: bool, span: Span) -> Result<Value<A>> {
        let mut tensor = self.as_tensor(args[0], span)?;
        let named = match (level, args.get(1)) {
            (true, Some(Value::Level(level))) => Some(level.clone()),
            _ => None,
        };
        if tensor.kind == Kind::X0 && kind == Kind::Sample {
            if !named.as_ref().is_some_and(|level| level.is_clean()) {
                let at = named.as_ref().map_or("an unknown level".to_owned(), |level| level.describe());
                let message = format!("a prediction of the data is a sample only at `clean`, not at {at}");
                let found = Diagnostic::new(Code::E0401, span, message);
                return Err(Box::new(
                    found.help("`transfer(x, x0(x), t)` carries `x` to `t`; or write the case `t == clean`"),
                ));
            }
        } else if let (Some(have), Some(want)) = (&tensor.level, &named)
            && kind.has_level()
            && !have.same(want)
        {
            let (code, what, help) = match kind {
                Kind::Sample => {
                    (Code::E0402, "sample", "`transfer(x, x0(x), t)` carries `x` to `t`: see which level it is given")
                }
                _ => (
                    Code::E0407,
                    "prediction",
                    "name it at the level that the model was asked at, or ask it again here",
                ),
            };
            let message = format!("expected a {what} at {}, found one at {}", want.describe(), have.describe());
            return Err(Box::new(Diagnostic::new(code, span, message).help(help)));
        }
        tensor.kind = kind;
        if named.is_some() {
            tensor.level = named;
        }
        let naming = self.naming(&tensor, span);
        self.arith.named(&tensor.data, &naming);
        Ok(Value::Tensor(tensor))
    }

    /// A tensor; the sum of no tensors is zero everywhere.
    pub(super) fn as_tensor(&mut self, value: &Value<A>, span: Span) -> Result<Tensor<A>> {
        match value {
            Value::Tensor(tensor) => Ok(tensor.clone()),
            Value::Int(0) => {
                let data = self.arith.linear(&[], A::Real::from_f64(0.0));
                Ok(self.tensor(data, Kind::Tensor, None))
            }
            _ => Err(internal(span, "a kind of no tensor")),
        }
    }

    pub(super) fn cast(&mut self, args: &[&Value<A>], kind: Kind, level: bool, span: Span) -> Result<Value<A>> {
        let mut tensor = self.as_tensor(args[0], span)?;
        tensor.kind = kind;
        if let (true, Some(Value::Level(level))) = (level, args.get(1)) {
            tensor.level = Some(level.clone());
        }
        self.ledger.cast_at_clean |=
            kind == Kind::Sample && tensor.level.as_ref().is_some_and(|level| level.is_clean());
        let naming = self.naming(&tensor, span);
        tensor.data = self.arith.cast(&tensor.data, &naming);
        tensor.id = self.fresh_id();
        Ok(Value::Tensor(tensor))
    }

    pub(super) fn naming(&self, tensor: &Tensor<A>, span: Span) -> Naming<A::Real> {
        Naming { kind: tensor.kind, level: tensor.level.clone(), ve: self.at.ve, span, call: self.called }
    }

    pub(super) fn no_level(&self, span: Span) -> Box<Diagnostic> {
        let found = Diagnostic::new(Code::E0403, span, "this tensor remembers no level");
        Box::new(found.help("name it first: `let y: sample@m = ..`"))
    }
}
