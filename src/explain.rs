//! `sampc explain`: the page of a diagnostic code.

use std::process::ExitCode;

use samp_lang::diag::Code;
use samp_lang::suggest;

use crate::args::ExplainArgs;
use crate::report::Failed;

/// Prints a page, or the list of codes.
pub fn explain(args: &ExplainArgs) -> Result<ExitCode, Failed> {
    let Some(name) = &args.code else {
        for code in Code::ALL {
            println!("{}  {}", code.name(), code.title());
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(code) = Code::from_name(name) else {
        let near = suggest::nearest(name, Code::ALL.iter().map(|code| code.name()));
        let help = near.map_or("`sampc explain` lists all codes".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Failed::Usage(format!("there is no code `{name}`; {help}")));
    };
    print!("{}", code.page());
    Ok(ExitCode::SUCCESS)
}
