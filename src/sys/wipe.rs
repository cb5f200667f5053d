//! What secrets leave behind: blocks that libraries gave back to the heap (buffers of HTTP and TLS, strings that grew),
//! and our own environment. A type that wipes itself knows nothing of those.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::CStr;

use nix::libc::{self, c_char};

/// The system's allocator, but whatever is given back is wiped.
///
/// `realloc` is the provided one on purpose, which takes a new block, copies and gives the old one back: the system's own
/// would leave the old one as it is.
struct Wiping;

#[global_allocator]
static HEAP: Wiping = Wiping;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's, of this size, and nobody uses it any more.
        unsafe {
            libc::explicit_bzero(block.cast(), layout.size());
            System.dealloc(block, layout);
        }
    }
}

/// Empties variables of our own environment where they stand, also for `/proc/PID/environ`. To be called while there is one
/// thread, for nobody else may be reading them.
pub fn empty_variables(names: &[&str]) {
    unsafe extern "C" {
        static environ: *const *mut c_char;
    }
    // SAFETY: `environ` is null or ends with a null pointer; its strings are as the kernel has laid them out, which is
    // writable, or as the C library has copied them. What is written is as long as what is there, or shorter.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let text = CStr::from_ptr(*entry).to_bytes();
            let name = text.split(|&b| b == b'=').next().unwrap_or_default();
            if names.iter().any(|wanted| wanted.as_bytes() == name) && name.len() < text.len() {
                let (start, length) = (name.len() + 1, text.len() - name.len() - 1);
                libc::explicit_bzero((*entry).add(start).cast(), length);
            }
            entry = entry.add(1);
        }
    }
}
