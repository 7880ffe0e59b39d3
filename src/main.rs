//! The `sampc` command: checks, runs and shows diffusion samplers written in `.samp`.
//!
//! Exit codes: 0 all is well, 1 something was found or failed, 2 the command was used wrongly or is broken itself.

mod args;
mod bench;
mod chart;
mod check;
mod device;
mod emit;
mod explain;
mod facts;
mod import;
mod import_file;
mod inputs;
mod learn;
mod list;
mod output;
mod picture;
mod plot;
mod report;
mod request;
mod run;
mod tensors;
mod test;
mod trace;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use report::Failed;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no mistakes.
            let code = if error.use_stderr() { 2 } else { 0 };
            error.print().ok();
            return ExitCode::from(code);
        }
    };
    // The interpreter recurses as deep as a text nests; a thread of its own has room for that.
    let worker = std::thread::Builder::new().stack_size(256 << 20).spawn(move || dispatch(&args));
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(code))) => code,
        Ok(Ok(Err(failed))) => failed.show(),
        Ok(Err(_)) | Err(_) => {
            eprintln!("sampc: internal error; please report it, with the file and the command");
            ExitCode::from(2)
        }
    }
}

fn dispatch(args: &Args) -> Result<ExitCode, Failed> {
    match &args.command {
        Command::Check(check) => check::check(check),
        Command::Run(run) => run::run(run),
        Command::Test(test) => test::test(test),
        Command::List(list) => list::list(list),
        Command::Import(import) => import_file::import(import),
        Command::Explain(explain) => explain::explain(explain),
        Command::Emit(emit) => emit::emit(emit),
        Command::Trace(trace) => trace::trace(trace),
        Command::Bench(bench) => bench::bench(bench),
        Command::Plot(plot) => plot::plot(plot),
        Command::Learn(learn) => learn::learn(learn),
    }
}
