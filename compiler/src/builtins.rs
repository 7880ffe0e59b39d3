//! The table of built-in functions: one row a function.
//!
//! Names, parameter and result types and a line of documentation; the checker, the interpreter, the texts of the
//! program and the reference in `spec.md` all read this table. Forms with their own syntax of arguments (`level`,
//! `sum`, `integral`, the views of a model call) are not functions and stand in the checker.

/// What a parameter accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// `int`.
    Int,
    /// `real`, or an `int` where a real is meant.
    Real,
    /// `int` or `real`.
    Number,
    /// A number or a tensor.
    Elementwise,
    /// A tensor.
    Tensor,
    /// A list of numbers.
    Reals,
    /// A list of lists of numbers.
    Matrix,
    /// Any list.
    List,
    /// A level.
    Level,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// `int`.
    Int,
    /// `real`.
    Real,
    /// `int` if every argument is one, else `real`.
    Number,
    /// A tensor if any argument is one, else as `Number`.
    ElementwiseNumber,
    /// A tensor if any argument is one, else `real`.
    Elementwise,
    /// `tensor`.
    Tensor,
    /// `noise`.
    Noise,
    /// A list of tensors.
    Tensors,
    /// A list of reals.
    Reals,
    /// A list like the first argument.
    SameList,
    /// A level.
    Level,
}

macro_rules! builtins {
    ($($variant:ident $name:literal ($($param:ident),*) $gives:ident $doc:literal;)*) => {
        /// A built-in function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Builtin {
            $(#[doc = $doc] $variant,)*
        }

        impl Builtin {
            /// Every built-in function.
            pub const ALL: &[Builtin] = &[$(Builtin::$variant,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Builtin::$variant => $name,)* }
            }

            /// What its parameters accept.
            pub fn params(self) -> &'static [Accepts] {
                match self { $(Builtin::$variant => &[$(Accepts::$param),*],)* }
            }

            /// What it gives.
            pub fn gives(self) -> Gives {
                match self { $(Builtin::$variant => Gives::$gives,)* }
            }

            /// What it computes, in a line.
            pub fn doc(self) -> &'static str {
                match self { $(Builtin::$variant => $doc,)* }
            }
        }
    };
}

builtins! {
    Exp "exp" (Elementwise) Elementwise "e^z.";
    Expm1 "expm1" (Real) Real "e^z - 1, without cancellation near 0.";
    Ln "ln" (Elementwise) Elementwise "The natural logarithm.";
    Ln1p "ln1p" (Real) Real "ln(1 + z), without cancellation near 0.";
    Sqrt "sqrt" (Elementwise) Elementwise "The square root.";
    Abs "abs" (Elementwise) ElementwiseNumber "The absolute value.";
    Sign "sign" (Real) Real "-1, 0 or 1.";
    Sin "sin" (Real) Real "The sine, of radians.";
    Cos "cos" (Real) Real "The cosine, of radians.";
    Tan "tan" (Real) Real "The tangent, of radians.";
    Atan "atan" (Real) Real "The inverse tangent, in radians.";
    Tanh "tanh" (Elementwise) Elementwise "The hyperbolic tangent.";
    Floor "floor" (Real) Int "The largest whole number that is not larger.";
    Ceil "ceil" (Real) Int "The smallest whole number that is not smaller.";
    Round "round" (Real) Int "The nearest whole number; halves go to the even one.";
    Min "min" (Elementwise, Elementwise) ElementwiseNumber "The smaller one.";
    Max "max" (Elementwise, Elementwise) ElementwiseNumber "The larger one.";
    Clamp "clamp" (Elementwise, Elementwise, Elementwise) ElementwiseNumber "The first, moved between the other two.";
    Factorial "factorial" (Int) Real "n!, as a real.";
    Phi "phi" (Int, Real) Real "phi_k(z): phi_0 = e^z, phi_(k+1) = (phi_k - 1/k!) / z.";
    NormalQuantile "normal_quantile" (Real) Real "The quantile function of the standard normal.";
    BetaQuantile "beta_quantile" (Real, Real, Real) Real "The quantile function of a beta distribution: u, a, b.";
    Len "len" (List) Int "How many entries.";
    Linspace "linspace" (Real, Real, Int) Reals "Equally spaced numbers with both ends; one number is the first end.";
    Cumprod "cumprod" (Reals) Reals "Running products.";
    Reverse "reverse" (List) SameList "The list turned round.";
    Dedup "dedup" (List) SameList "The list without entries equal to the one before.";
    Resample "resample" (Reals, Int) Reals "The list at equally spaced places, linear between entries.";
    Solve "solve" (Matrix, Reals) Reals "The solution of a small dense linear system.";
    Renoised "renoised" (Level) Level "In a grid: the level, reached from a cleaner one by adding noise.";
    Noise "noise" () Noise "A fresh draw.";
    Brownian "brownian" (Level, Level) Noise "The path's increment from the first level to the second, as a unit normal.";
    Norm "norm" (Tensor) Tensor "The root of the mean of squares of a sample's elements.";
    Mean "mean" (Tensor) Tensor "The mean of a sample's elements.";
    Std "std" (Tensor) Tensor "The standard deviation of a sample's elements: the norm without the mean.";
    MaxAbs "max_abs" (Tensor) Tensor "The largest magnitude of a sample's elements.";
    Quantile "quantile" (Tensor, Real) Tensor "The quantile of a sample's elements, linear between neighbours: x, share.";
    Dot "dot" (Tensor, Tensor) Tensor "The mean of products of a sample's elements, so that `dot(x, x) == norm(x)^2`.";
    Split "split" (Tensor, Int) Tensors "In a model: the network's output, parted into so many equal groups of channels.";
    Blend "blend" (Tensor, Tensor, Tensor) Tensor "`a` where the mask is 1 and `b` where it is 0: mask, a, b.";
}

impl Builtin {
    /// The function with this name.
    pub fn from_name(name: &str) -> Option<Builtin> {
        Builtin::ALL.iter().copied().find(|builtin| builtin.name() == name)
    }
}

/// Names with a meaning that is not given yet; a use of one is reported, never run.
pub const UNSUPPORTED: &[(&str, &str)] = &[("downsample", OTHER_SIZE), ("upsample", OTHER_SIZE)];

const OTHER_SIZE: &str = "every tensor of a run has the size of the sample in this version: let an `extern` function of a tensor \
    go to the other size and back in the host";
