//! Kernels that are compiled once, however often plans meet them.

use std::collections::HashMap;
use std::sync::Arc;

use samp_compiler::backend::{Dtype, Engine, compile_all};
use samp_compiler::ir::kernel::KernelKey;
use samp_compiler::ir::plan::Plan;

use crate::device::DeviceKernel;
use crate::error::Error;
use crate::pipeline::Compiled;

/// Those that are known so far.
pub(crate) struct Kernels {
    engine: Engine,
    dtype: Dtype,
    known: HashMap<KernelKey, Arc<DeviceKernel>>,
}

impl Kernels {
    /// Those of a pipeline.
    pub(crate) fn of(compiled: &Compiled) -> Kernels {
        let known = compiled.kernels.iter().map(|kernel| (kernel.artifact().kernel().key(), kernel.clone())).collect();
        Kernels { engine: compiled.engine, dtype: compiled.dtype, known }
    }

    /// Those of a plan, in its order.
    pub(crate) fn compile(&mut self, plan: &Plan) -> Result<Vec<Arc<DeviceKernel>>, Error> {
        let known = &self.known;
        let new: Vec<_> = plan.kernels.values().filter(|kernel| !known.contains_key(&kernel.key())).cloned().collect();
        for (kernel, artifact) in new.iter().zip(compile_all(&new, self.engine, self.dtype)?) {
            self.known.insert(kernel.key(), Arc::new(DeviceKernel::from(artifact)));
        }
        Ok(plan.kernels.values().filter_map(|kernel| self.known.get(&kernel.key()).cloned()).collect())
    }
}
