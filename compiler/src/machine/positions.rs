//! Where a step is: positions of the run, coordinates of levels, levels made of a coordinate.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::level::Level;
use super::value::{Tensor, Value};
use super::{Machine, Result, internal};
use crate::arith::{Arith, Real};
use crate::hir::{Coordinate, Position};

impl<'p, A: Arith> Machine<'p, A> {
    pub(super) fn position(&mut self, position: Position, span: Span) -> Result<Value<A>> {
        Ok(match position {
            Position::First => Value::Bool(self.instance().fresh),
            Position::Last => Value::Bool(self.at.i + 1 == self.at.n),
            Position::I => Value::Int(self.at.i),
            Position::N => Value::Int(self.at.n),
            Position::Grid => Value::List(self.at.grid.clone()),
            Position::Clean => Value::Level(Arc::new(Level::clean())),
            Position::Pure => {
                let schedule = self.schedule_here(span)?;
                let level = schedule.family.and_then(Level::pure);
                let no_level = || {
                    let message = format!("the schedule `{}` has no level without data", schedule.name);
                    let found = Diagnostic::new(Code::E0508, span, message);
                    Box::new(
                        found.help("ask `rho(s) == inf`, which every schedule answers; a grid may begin at `noisiest`"),
                    )
                };
                Value::Level(Arc::new(level.ok_or_else(no_level)?))
            }
            Position::Noisiest => {
                self.counts.own_coordinates += 1;
                Value::Level(self.schedule_here(span)?.noisiest.clone())
            }
            Position::Cleanest => {
                self.counts.own_coordinates += 1;
                Value::Level(self.schedule_here(span)?.cleanest.clone())
            }
            Position::Height => Value::Int(self.at.height),
            Position::Width => Value::Int(self.at.width),
        })
    }

    pub(super) fn coordinate(&mut self, coordinate: Coordinate, of: &Value<A>, span: Span) -> Result<Value<A>> {
        let level = match of {
            Value::Level(level) | Value::Tensor(Tensor { level: Some(level), .. }) => level.clone(),
            _ => return Err(self.no_level(span)),
        };
        if self.at.ve && level.is_pure() && coordinate == Coordinate::Sigma {
            return Err(self.no_pure(span));
        }
        Ok(Value::Real(match coordinate {
            Coordinate::Alpha if self.at.ve => A::Real::from_f64(1.0),
            Coordinate::Alpha => level.alpha.clone(),
            Coordinate::Sigma if self.at.ve => level.rho.clone(),
            Coordinate::Sigma => level.sigma.clone(),
            Coordinate::Lambda => level.lambda.clone(),
            Coordinate::Rho => level.rho.clone(),
            Coordinate::Time => {
                self.counts.own_coordinates += 1;
                match &level.time {
                    Some(time) => time.clone(),
                    None => {
                        let schedule = self.schedule_here(span)?;
                        self.time_of(&schedule, &level)?
                    }
                }
            }
        }))
    }

    pub(super) fn no_pure(&self, span: Span) -> Box<Diagnostic> {
        let found =
            Diagnostic::new(Code::E0508, span, "a rule written `in ve` has no coordinate for the level without data");
        Box::new(found.help("start the grid at `level(lambda = -9)`, or write the step with `transfer`"))
    }

    pub(super) fn make_level(&mut self, coordinate: Coordinate, value: &Value<A>, span: Span) -> Result<Value<A>> {
        let schedule = self.schedule_here(span)?;
        if self.at.ve && coordinate == Coordinate::Alpha {
            let found = Diagnostic::new(Code::E0508, span, "alpha is 1 everywhere in a rule written `in ve`");
            return Err(Box::new(found.help("make the level from `rho`, `lambda` or `time`")));
        }
        self.decides(&[value], span);
        let value = value.real().ok_or_else(|| internal(span, "a coordinate that is none"))?;
        let coordinate = if self.at.ve && coordinate == Coordinate::Sigma { Coordinate::Rho } else { coordinate };
        if matches!(coordinate, Coordinate::Time | Coordinate::Alpha | Coordinate::Sigma) {
            self.counts.own_coordinates += 1;
        }
        let level = self.level_with(&schedule, coordinate, value.clone());
        let level = level.map_err(|mut found| {
            if found.code == Code::E0508 {
                found.primary.span = span;
                if value.to_f64().is_nan() && schedule.noisiest.is_pure() {
                    let help =
                        "the schedule begins without data, where rho is infinite: begin at `high = level(lambda = -9)`";
                    found.help = Some(help.to_owned());
                }
            }
            found
        })?;
        Ok(Value::Level(Arc::new(level)))
    }
}
