//! How often the program called the CUDA driver.

/// Calls that put a kernel in a stream.
pub(crate) const LAUNCHES: &[&str] = &["cuLaunchKernel", "cuLaunchKernelEx"];

/// Calls that wait for the device, or may.
pub(crate) const WAITS: &[&str] = &[
    "cuStreamSynchronize",
    "cuCtxSynchronize",
    "cuEventSynchronize",
    "cuMemcpyDtoH_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoD_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemFree_v2",
];

/// Calls that copy on the device or take memory of it.
pub(crate) const OTHERS: &[&str] =
    &["cuMemcpyDtoDAsync_v2", "cuMemcpy2DAsync_v2", "cuMemAllocAsync", "cuMemFreeAsync", "cuMemAlloc_v2"];

/// The sum of the calls so far of these functions; nothing if they are not counted in this build.
#[cfg(feature = "counted")]
pub(crate) fn count(names: &[&str]) -> Option<u64> {
    unsafe extern "C" {
        fn samp_cuda_calls(name: *const std::ffi::c_char) -> std::ffi::c_ulong;
    }
    let calls = names.iter().map(|name| {
        let name = std::ffi::CString::new(*name).ok()?;
        // SAFETY: the function reads a C string and its own counters.
        let calls = unsafe { samp_cuda_calls(name.as_ptr()) };
        (calls != std::ffi::c_ulong::MAX).then_some(calls)
    });
    calls.sum()
}

/// The sum of the calls so far of these functions; nothing if they are not counted in this build.
#[cfg(not(feature = "counted"))]
pub(crate) fn count(_: &[&str]) -> Option<u64> {
    None
}
