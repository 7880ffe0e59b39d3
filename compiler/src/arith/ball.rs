//! Numbers with a bound on their error: a midpoint and a radius.
//!
//! Ball arithmetic in f64 (van der Hoeven 2009, "Ball arithmetic"; Johansson 2017, "Arb", IEEE Trans. Comput. 66(8)):
//! every operation adds to the radius what its operands were uncertain by and what it rounds itself. The true number
//! lies in the ball, so a ball that leaves zero out *is* a number that is not zero. A number with digits after the
//! point stands for every number that it may have been rounded from: its radius is half a unit in the last place, and
//! a weight written `0.3333333333333333` is as good as `1 / 3`.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// One rounding, relative; twice the true bound, which covers the rounding of the radii themselves.
const ROUNDING: f64 = f64::EPSILON;

/// A number and how far off it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ball {
    /// The number as computed.
    pub middle: f64,
    /// The true number is no farther from it.
    pub radius: f64,
}

impl Ball {
    /// Zero, exactly.
    pub const ZERO: Ball = Ball { middle: 0.0, radius: 0.0 };

    /// A number that is meant exactly.
    pub fn exact(middle: f64) -> Ball {
        Ball { middle, radius: 0.0 }
    }

    /// A number as written in decimals: exact where it is a short binary fraction, else rounded.
    pub fn written(middle: f64) -> Ball {
        let short = (middle * 1024.0).fract() == 0.0;
        Ball { middle, radius: if short { 0.0 } else { middle.abs() * ROUNDING } }
    }

    /// Whether zero is one of the numbers that it may be.
    pub fn may_be_zero(self) -> bool {
        self.middle.abs() <= self.radius
    }

    /// The largest size that it may have.
    pub fn size(self) -> f64 {
        self.middle.abs() + self.radius
    }

    /// A function that changes by at most `slope` times the change of its argument; `value` is within two units in
    /// the last place, the bound that libm keeps.
    pub fn smooth(self, value: f64, slope: f64) -> Ball {
        Ball { middle: value, radius: slope.abs() * self.radius * 1.001 + 2.0 * ROUNDING * value.abs() }
    }

    fn rounded(middle: f64, radius: f64) -> Ball {
        Ball { middle, radius: radius + ROUNDING * middle.abs() }
    }
}

impl Add for Ball {
    type Output = Ball;

    fn add(self, other: Ball) -> Ball {
        if other == Ball::ZERO {
            return self;
        }
        if self == Ball::ZERO {
            return other;
        }
        Ball::rounded(self.middle + other.middle, self.radius + other.radius)
    }
}

impl Neg for Ball {
    type Output = Ball;

    fn neg(self) -> Ball {
        Ball { middle: -self.middle, radius: self.radius }
    }
}

impl Sub for Ball {
    type Output = Ball;

    fn sub(self, other: Ball) -> Ball {
        self + -other
    }
}

impl Mul for Ball {
    type Output = Ball;

    fn mul(self, other: Ball) -> Ball {
        let radius = self.middle.abs() * other.radius + self.radius * (other.middle.abs() + other.radius);
        Ball::rounded(self.middle * other.middle, radius)
    }
}

impl Div for Ball {
    type Output = Ball;

    /// A divisor that may be zero gives a ball of infinite radius.
    fn div(self, other: Ball) -> Ball {
        let least = other.middle.abs() - other.radius;
        if least <= 0.0 {
            return Ball { middle: f64::NAN, radius: f64::INFINITY };
        }
        let middle = self.middle / other.middle;
        Ball::rounded(middle, (self.radius + middle.abs() * other.radius) / least)
    }
}
