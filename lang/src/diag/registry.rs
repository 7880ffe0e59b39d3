//! The registry of diagnostic codes: one row a mistake, for ever.
//!
//! A code is never reused. Each has a page in `pages/`, which `sampc explain CODE` prints.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The program does not run.
    Error,
    /// It runs, but something in it is pointless or risky.
    Warning,
}

macro_rules! registry {
    ($($code:ident $severity:ident $title:literal;)*) => {
        /// The code of a diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// The code as printed, such as `E0301`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// What it is about, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Code::$code => Severity::$severity,)* }
            }

            /// The page that explains it, in Markdown.
            pub fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("pages/", stringify!($code), ".md")),)* }
            }

            /// The code with this name.
            pub fn from_name(name: &str) -> Option<Code> {
                Code::ALL.iter().copied().find(|code| code.name().eq_ignore_ascii_case(name))
            }
        }
    };
}

registry! {
    E0000 Error "internal error";
    // Text and syntax.
    E0001 Error "text that cannot be read";
    E0002 Error "syntax error";
    E0003 Error "nested too deep";
    E0004 Error "construct not supported yet";
    // Names.
    E0101 Error "unknown name";
    E0102 Error "name declared twice";
    E0103 Error "reserved name";
    E0104 Error "import that cannot be found";
    E0105 Error "local hides a choice";
    E0106 Error "recursion";
    W0107 Warning "binding never used";
    // Shape of items.
    E0201 Error "missing part of an item";
    E0202 Error "part of an item given twice";
    E0203 Error "member that does not belong here";
    E0204 Error "unknown family or coordinates";
    E0205 Error "missing `return`";
    E0206 Error "statement that can never run";
    E0208 Error "match that leaves values out";
    // Types, arguments, options.
    E0301 Error "wrong type";
    E0302 Error "wrong number of arguments";
    E0303 Error "unknown argument";
    E0304 Error "option out of range";
    E0305 Error "unknown choice";
    E0306 Error "not a function";
    E0307 Error "condition on a tensor";
    E0308 Error "nothing to store into";
    // Kinds and levels of tensors.
    E0401 Error "tensor of the wrong kind";
    E0402 Error "sample at the wrong level";
    E0403 Error "model call without a level";
    E0404 Error "branch that is not declared";
    E0405 Error "model that is not affine in its network";
    E0406 Error "ill-posed model call";
    E0407 Error "prediction used at the wrong level";
    E0408 Error "output that the model does not give";
    // What proofs show: the rule run in another arithmetic.
    E0412 Error "tensor with the wrong signature";
    E0413 Error "approximation that does not vanish";
    E0414 Error "weak order that is not reached";
    E0415 Error "variance that grows with the number of steps";
    E0416 Error "rule that depends on the family";
    E0421 Error "order that is not reached";
    E0422 Error "another number of evaluations";
    E0423 Error "tableau of another order";
    E0431 Error "step that is not finite";
    // What only a run of the rule shows: found on the plan.
    E0501 Error "read past the history";
    E0502 Error "read of an empty state";
    E0503 Error "index out of range";
    E0504 Error "number that is not finite";
    E0505 Error "requirement not met";
    E0506 Error "grid with equal neighbours";
    E0507 Error "unusable schedule";
    E0508 Error "no such level";
    E0509 Error "too much work";
    E0510 Error "unusable grid";
    E0511 Error "adaptive run that leads nowhere";
    W0512 Warning "grid with another number of steps";
    W0513 Warning "model call that is never used";
    W0514 Warning "model call asked twice";
    W0515 Warning "noise on the clean level";
    W0516 Warning "history deeper than its reads";
    W0517 Warning "history carried across a jump";
    W0518 Warning "picture that depends on its batch";
    E0520 Error "unusable tableau";
    E0521 Error "noise over no interval";
    // Tests.
    E0601 Error "claim of a test that does not hold";
}
