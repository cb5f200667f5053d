//! Trying many things at a time, and as many as are wanted.

use std::fmt::Debug;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::thread;

/// Does the same with each of many items, several at a time, and names all that failed.
pub fn each<T: Debug + Send + Sync, R: Send>(
    items: impl IntoIterator<Item = T>,
    at_once: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    let next = Mutex::new(items.iter());
    let (done, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let worker = || {
        loop {
            let Some(item) = next.lock().expect("nobody panics in here").next() else {
                return;
            };
            match panic::catch_unwind(AssertUnwindSafe(|| work(item))) {
                Ok(result) => done.lock().expect("nor here").push(result),
                Err(_) => failed.lock().expect("nor here").push(format!("{item:?}")),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..at_once.min(items.len()) {
            scope.spawn(worker);
        }
    });
    let failed = failed.into_inner().expect("nor here");
    assert!(
        failed.is_empty(),
        "{} of {} failed:\n{}",
        failed.len(),
        items.len(),
        failed.join("\n")
    );
    done.into_inner().expect("nor here")
}

/// Whether the long forms are wanted, which take minutes.
pub fn long() -> bool {
    std::env::var_os("HYTALE_ENTRYPOINT_TEST_LONG").is_some_and(|value| !value.is_empty())
}
