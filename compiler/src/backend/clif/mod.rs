//! The Cranelift backend: machine code for this CPU, made in memory.
//!
//! `compile` takes verified kernels and gives one `Function` each, all in one block of
//! code that lives as long as any of them. A function works through a stretch of elements
//! in 128-bit vectors; `emit` lays out its loop, and `lanes` the vector
//! operations. Only this folder names Cranelift's code
//! generator.

mod emit;
mod lanes;

use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use cranelift_codegen::Context;
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, default_libcall_names};

use self::emit::Style;
use super::element::Element;
use super::{BackendError, Dtype, Row, Span};
use crate::ir::kernel::{Inst, Kernel};

/// The most elements of one turn of a loop.
const MAX_WIDTH: usize = 16;

/// The signature of compiled code: pointers to loads, noises, stores and reduced values; rows of scalars and cells;
/// the first element and the one after the last, a whole number of turns apart.
type Entry = unsafe extern "C" fn(*const *mut u8, *const u8, usize, usize);

/// Machine code of one kernel.
#[derive(Clone, Debug)]
pub struct Function {
    entry: Entry,
    /// Elements of one turn of the loop, at most [`MAX_WIDTH`].
    width: usize,
    code_size: usize,
    /// Keeps the code in memory.
    _code: Arc<CodeMemory>,
}

/// The memory of finished code, freed when the last function goes.
struct CodeMemory(ManuallyDrop<JITModule>);

// SAFETY: after `compile` the module is not used but to free its memory, once, by the
// last owner; and finished code is read-only.
unsafe impl Send for CodeMemory {}
// SAFETY: the same.
unsafe impl Sync for CodeMemory {}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        // SAFETY: the module is taken once, here. Every `Function` holds an `Arc` of this,
        // so none is left that could run the code.
        unsafe { ManuallyDrop::take(&mut self.0).free_memory() };
    }
}

impl std::fmt::Debug for CodeMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeMemory")
    }
}

/// The CPU that this runs on, as Cranelift sees it.
struct Host {
    isa: OwnedTargetIsa,
    has_fma: bool,
}

static HOST: LazyLock<Option<Host>> = LazyLock::new(|| find_host(cranelift_native::builder().ok()?));

/// The machine that a builder describes, if it is of a kind that this backend knows.
fn find_host(builder: isa::Builder) -> Option<Host> {
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        return None;
    }
    let mut flags = settings::builder();
    let values = [
        ("opt_level", "speed"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("unwind_info", "false"),
        ("enable_verifier", if cfg!(any(debug_assertions, test)) { "true" } else { "false" }),
    ];
    for (name, value) in values {
        flags.set(name, value).ok()?;
    }
    let isa = builder.finish(settings::Flags::new(flags)).ok()?;
    let x64_fma = || isa.isa_flags().iter().any(|f| f.name == "has_fma" && f.as_bool() == Some(true));
    let has_fma = !cfg!(target_arch = "x86_64") || x64_fma();
    Some(Host { isa, has_fma })
}

/// Whether this machine has Cranelift code.
pub fn is_supported() -> bool {
    HOST.is_some()
}

/// Machine code of each verified kernel, or `None` for what only the interpreter can do.
///
/// # Errors
///
/// A machine that Cranelift does not know, and whatever Cranelift says.
pub(super) fn compile(kernels: &[Kernel], dtype: Dtype) -> Result<Vec<Option<Function>>, BackendError> {
    let host = HOST.as_ref().ok_or(BackendError::Host)?;
    compile_for(host, kernels, dtype)
}

fn compile_for(host: &Host, kernels: &[Kernel], dtype: Dtype) -> Result<Vec<Option<Function>>, BackendError> {
    let mut unit = Unit::new(host, dtype);
    let mut defined = Vec::with_capacity(kernels.len());
    for kernel in kernels {
        defined.push(match can_compile(kernel, dtype, host) {
            true => Some(define(&mut unit, kernel)?),
            false => None,
        });
    }
    let mut module = unit.module;
    module.finalize_definitions().map_err(codegen_error)?;
    let entry = |defined: &Option<Defined>| {
        let id = defined.as_ref()?.id;
        Some(module.get_finalized_function(id))
    };
    let entries: Vec<Option<*const u8>> = defined.iter().map(entry).collect();
    let code = Arc::new(CodeMemory(ManuallyDrop::new(module)));
    let function = |(defined, entry): (Option<Defined>, Option<*const u8>)| {
        let (Defined { width, code_size, .. }, entry) = (defined?, entry?);
        // SAFETY: `emit` gave the function this very signature and the C calling convention.
        let entry = unsafe { std::mem::transmute::<*const u8, Entry>(entry) };
        Some(Function { entry, width, code_size, _code: Arc::clone(&code) })
    };
    Ok(defined.into_iter().zip(entries).map(function).collect())
}

/// One block of code in the making, with scratch memory for the next function.
struct Unit<'h> {
    module: JITModule,
    context: Context,
    builder: FunctionBuilderContext,
    host: &'h Host,
    dtype: Dtype,
}

impl Unit<'_> {
    fn new(host: &Host, dtype: Dtype) -> Unit<'_> {
        let builder = JITBuilder::with_isa(host.isa.clone(), default_libcall_names());
        let module = JITModule::new(builder);
        let context = module.make_context();
        Unit { module, context, builder: FunctionBuilderContext::new(), host, dtype }
    }
}

/// A function that the module knows and has not yet linked.
struct Defined {
    id: FuncId,
    width: usize,
    code_size: usize,
}

/// Elementary functions are of F32, and their accuracy rests on fused multiply-adds.
fn can_compile(kernel: &Kernel, dtype: Dtype, host: &Host) -> bool {
    let has_elementary = match dtype {
        Dtype::F32 => host.has_fma,
        Dtype::F64 => false,
    };
    kernel.insts.values().all(|inst| match inst {
        Inst::Apply { op, .. } => has_elementary || op.is_exact(),
        Inst::Load(_) | Inst::Scalar(_) | Inst::Noise(_) | Inst::Cell(_) | Inst::Const(_) => true,
    })
}

fn define(unit: &mut Unit<'_>, kernel: &Kernel) -> Result<Defined, BackendError> {
    let Unit { module, context, builder, host, dtype } = unit;
    let style = Style::of(kernel, *dtype, host.has_fma, module.target_config());
    context.func.signature = emit::signature(&style);
    emit::emit(&mut context.func, builder, kernel, &style);
    let id = module.declare_anonymous_function(&context.func.signature).map_err(codegen_error)?;
    module.define_function(id, context).map_err(codegen_error)?;
    let code_size = context.compiled_code().map_or(0, |code| code.code_buffer().len());
    module.clear_context(context);
    Ok(Defined { id, width: style.width(), code_size })
}

/// The Cranelift function of a kernel, as text.
///
/// # Errors
///
/// A machine that Cranelift does not know, and a kernel that only the interpreter can do.
pub fn text(kernel: &Kernel, dtype: Dtype) -> Result<String, BackendError> {
    let host = HOST.as_ref().ok_or(BackendError::Host)?;
    if !can_compile(kernel, dtype, host) {
        return Err(BackendError::Codegen(format!("`{}` is left to the interpreter on this machine", kernel.name)));
    }
    let mut unit = Unit::new(host, dtype);
    let style = Style::of(kernel, dtype, host.has_fma, unit.module.target_config());
    unit.context.func.signature = emit::signature(&style);
    emit::emit(&mut unit.context.func, &mut unit.builder, kernel, &style);
    Ok(unit.context.func.display().to_string())
}

fn codegen_error(error: cranelift_module::ModuleError) -> BackendError {
    BackendError::Codegen(error.to_string())
}

impl Function {
    /// Bytes of machine code.
    pub fn code_size(&self) -> usize {
        self.code_size
    }

    /// Runs elements `range` of `span`: whole turns where they are, the rest in a copy that
    /// is padded to one turn, by the same code.
    ///
    /// # Safety
    ///
    /// As `Artifact::run_span`.
    pub(super) unsafe fn run<T: Element>(&self, span: &Span<'_, T>, range: Range<usize>) {
        let n_rest = range.len() % self.width;
        let rest = range.end - n_rest..range.end;
        if range.start < rest.start {
            // SAFETY: the pointers are good for these elements, a whole number of turns.
            unsafe { self.call(span.pointers, span.scalars, range.start..rest.start) };
        }
        if !rest.is_empty() {
            // SAFETY: the same contract.
            unsafe { self.run_rest(span, rest) };
        }
    }

    /// Runs fewer elements than one turn has.
    ///
    /// # Safety
    ///
    /// As `Artifact::run_span`; `range` is shorter than the width.
    unsafe fn run_rest<T: Element>(&self, span: &Span<'_, T>, range: Range<usize>) {
        let n_inputs = span.pointers.len() - span.n_stores;
        let mut rows = vec![[T::default(); MAX_WIDTH]; span.pointers.len()];
        for (row, pointer) in rows.iter_mut().zip(&span.pointers[..n_inputs]) {
            // SAFETY: inputs are good to read for `range`, which fits in a row.
            unsafe {
                row.as_mut_ptr().copy_from_nonoverlapping(pointer.add(range.start), range.len());
            }
        }
        let pointers: Vec<*mut T> = rows.iter_mut().map(|row| row.as_mut_ptr()).collect();
        // SAFETY: each row is good for one turn, and rows do not overlap.
        unsafe { self.call(&pointers, span.scalars, 0..self.width) };
        for (row, pointer) in pointers.iter().zip(span.pointers).skip(n_inputs) {
            // SAFETY: stores are good to write for `range`, which fits in a row.
            unsafe { pointer.add(range.start).copy_from_nonoverlapping(*row, range.len()) };
        }
    }

    /// Calls the code.
    ///
    /// # Safety
    ///
    /// There are as many pointers and scalar rows as the kernel has slots, the pointers are
    /// good for `range`, whose length is a multiple of the width, and `T` is the dtype.
    unsafe fn call<T: Element>(&self, pointers: &[*mut T], scalars: &[Row<T>], range: Range<usize>) {
        // SAFETY: the caller's promise; `self` keeps the code in memory.
        unsafe {
            (self.entry)(pointers.as_ptr().cast(), scalars.as_ptr().cast(), range.start, range.end);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panic")]
mod tests {
    use super::*;
    use crate::ir::kernel::Args;
    use crate::ir::op::Op;

    /// Every operation of the table that passes, of loads.
    fn all_ops(passes: fn(Op) -> bool) -> Kernel {
        let mut kernel = Kernel::new("all");
        let loads = [0, 1, 2].map(|slot| kernel.load(slot));
        for &op in Op::ALL.iter().filter(|&&op| passes(op)) {
            let args = Args::from_slice(&loads[..op.arity()]).unwrap();
            let value = kernel.apply(op, args);
            kernel.store(value);
        }
        kernel
    }

    #[test]
    fn cranelift_verifies_every_operation() {
        let Some(host) = &*HOST else {
            return println!("skipped: no machine code here");
        };
        let f32 = compile_for(host, &[all_ops(|_| true)], Dtype::F32).unwrap();
        assert_eq!(f32[0].is_some(), host.has_fma);
        let f64 = compile_for(host, &[all_ops(Op::is_exact)], Dtype::F64).unwrap();
        assert!(f64[0].is_some());
    }

    #[test]
    fn the_oldest_cpu_of_the_kind_will_do() {
        let baseline = cranelift_native::builder_with_options(false).ok().and_then(find_host);
        let Some(host) = baseline else {
            return println!("skipped: no machine code here");
        };
        let compiled = compile_for(&host, &[all_ops(Op::is_exact)], Dtype::F32).unwrap();
        let function = compiled[0].as_ref().unwrap();
        let inputs = [[3.0f32; 5], [-0.5; 5], [7.0; 5]];
        let mut stores = [[0.0f32; 5]; 10];
        let inputs = inputs.iter().map(|row| row.as_ptr().cast_mut());
        let pointers: Vec<*mut f32> = inputs.chain(stores.iter_mut().map(|row| row.as_mut_ptr())).collect();
        let span = Span { pointers: &pointers, n_stores: 10, scalars: &[] };
        // SAFETY: every pointer is of a row of five numbers, and stores are apart.
        unsafe { function.run(&span, 0..5) };
        let expected = [2.5, 3.5, -1.5, -6.0, -0.5, 3.0, 5.5, -3.0, 3.0, 3.0f32.sqrt()];
        assert_eq!(stores, expected.map(|number| [number; 5]));
        let elementary = compile_for(&host, &[all_ops(|_| true)], Dtype::F32).unwrap();
        assert_eq!(elementary[0].is_some(), host.has_fma);
    }
}
