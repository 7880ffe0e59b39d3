//! What the stand-in driver (`benches/gpu/driver`) tells a test about its own thread. A real driver tells nothing.

use std::ffi::{CStr, CString, c_char, c_int, c_ulong, c_void};

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// A function of the stand-in driver, if that is what runs.
fn function(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a null handle asks for the symbol among all that is loaded.
    let function = unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) };
    (!function.is_null()).then_some(function)
}

/// Whether the driver is the stand-in. It is loaded with the first device.
pub fn stands_in() -> bool {
    function(c"samp_driver_calls").is_some()
}

/// How often this thread called these functions of the driver.
pub fn calls(names: &[&str]) -> u64 {
    let function = function(c"samp_driver_calls").expect("the stand-in driver");
    // SAFETY: that is its type.
    let function: unsafe extern "C" fn(*const c_char) -> c_ulong = unsafe { std::mem::transmute(function) };
    let calls = names.iter().map(|name| {
        let name = CString::new(*name).expect("a name");
        // SAFETY: it reads a C string.
        unsafe { function(name.as_ptr()) }
    });
    calls.sum()
}

/// Has this thread's `n`th next call of a function fail with this error of CUDA's or NVRTC's.
pub fn fail(name: &str, n: u64, error: i32) {
    let function = function(c"samp_driver_fail").expect("the stand-in driver");
    // SAFETY: that is its type.
    let function: unsafe extern "C" fn(*const c_char, c_ulong, c_int) = unsafe { std::mem::transmute(function) };
    let name = CString::new(name).expect("a name");
    // SAFETY: it reads a C string.
    unsafe { function(name.as_ptr(), n, error) };
}

/// What the driver found wrong in a call of this thread since this was last asked.
pub fn fault() -> String {
    let function = function(c"samp_driver_fault").expect("the stand-in driver");
    // SAFETY: that is its type.
    let function: unsafe extern "C" fn() -> *const c_char = unsafe { std::mem::transmute(function) };
    // SAFETY: it gives a C string that lasts until the next call.
    unsafe { CStr::from_ptr(function()) }.to_string_lossy().into_owned()
}
