//! The one table of tensor operations.
//!
//! A row gives the Rust name, the text name, the number of operands and one line of
//! documentation. The printer, the parser, the verifier and every backend work from this
//! table, and backends match it exhaustively: adding an operation is one row here and one
//! arm in each backend.
//!
//! `min` and `max` are defined by comparison, in all backends, NaN and signed zeros
//! included: `min a b` is `if a < b { a } else { b }` and `max a b` is
//! `if a > b { a } else { b }`. So the second operand is the answer when either is NaN;
//! code that must let a NaN of `x` through puts the bound first: `min bound x`.
//!
//! `fma a b c` is `a * b + c` with one rounding.

macro_rules! ops {
    ($($variant:ident $name:literal $arity:literal $doc:literal;)*) => {
        /// An elementwise operation on one to three operands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Op {
            $(#[doc = $doc] $variant,)*
        }

        impl Op {
            /// Every operation, in table order.
            pub const ALL: &'static [Op] = &[$(Op::$variant),*];

            /// The name in the text form.
            pub const fn name(self) -> &'static str {
                match self { $(Op::$variant => $name,)* }
            }

            /// The number of operands, 1 to 3.
            pub const fn arity(self) -> usize {
                match self { $(Op::$variant => $arity,)* }
            }

            /// What the operation computes, in one line.
            pub const fn doc(self) -> &'static str {
                match self { $(Op::$variant => $doc,)* }
            }

            /// The operation with this text name.
            pub fn from_name(name: &str) -> Option<Op> {
                match name { $($name => Some(Op::$variant),)* _ => None }
            }
        }
    };
}

ops! {
    Add  "add"  2 "`a + b`";
    Sub  "sub"  2 "`a - b`";
    Mul  "mul"  2 "`a * b`";
    Div  "div"  2 "`a / b`";
    Min  "min"  2 "`if a < b { a } else { b }`: `b` when either is NaN";
    Max  "max"  2 "`if a > b { a } else { b }`: `b` when either is NaN";
    Fma  "fma"  3 "`a * b + c`, rounded once";
    Neg  "neg"  1 "`-a`, also of NaN and zero";
    Abs  "abs"  1 "`a` without its sign";
    Sqrt "sqrt" 1 "square root, NaN below zero";
    Exp  "exp"  1 "e to the power `a`";
    Ln   "ln"   1 "natural logarithm: `-inf` at zero, NaN below";
    Tanh "tanh" 1 "hyperbolic tangent";
    Sin  "sin"  1 "sine of radians";
    Cos  "cos"  1 "cosine of radians";
}

impl Op {
    /// Whether IEEE 754 defines the result exactly: then all backends agree bit for bit
    /// (of NaN, only that it is one), and F64 compiles to machine code.
    pub const fn is_exact(self) -> bool {
        match self {
            Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Min | Op::Max => true,
            Op::Fma | Op::Neg | Op::Abs | Op::Sqrt => true,
            Op::Exp | Op::Ln | Op::Tanh | Op::Sin | Op::Cos => false,
        }
    }
}

/// How the elements of a sample become one number. The result depends on nothing but the sample's elements: not on the
/// batch, threads or shards. Sums are made in f64 on the CPU, block by block from the sample's start. NaN gives NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reduction {
    /// The mean.
    Mean,
    /// The largest.
    Max,
    /// The quantile of this share, in [0, 1]: linear between the two nearest elements in order.
    Quantile(f64),
}

impl std::fmt::Display for Reduction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reduction::Mean => f.write_str("mean"),
            Reduction::Max => f.write_str("max"),
            // Debug prints the shortest text that reads back as the same number.
            Reduction::Quantile(share) => write!(f, "quantile {share:?}"),
        }
    }
}
