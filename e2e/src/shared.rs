//! What several stories use at once, made when the first one needs it.

use std::sync::{Arc, Mutex, PoisonError};

/// A thing that is made once and ended on purpose: a static is never dropped,
/// and a rig would leave its files behind.
#[derive(Debug)]
pub struct Shared<T>(Mutex<Option<Arc<T>>>);

impl<T> Shared<T> {
    /// Not made yet.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The thing; others wait while it is made.
    pub fn get(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert_with(|| Arc::new(make())).clone()
    }

    /// Takes it out, if it was made.
    ///
    /// # Panics
    /// When somebody still uses it.
    pub fn take(&self) -> Option<T> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let thing = place.take()?;
        Some(Arc::into_inner(thing).expect("the stories that shared it have ended"))
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self::new()
    }
}
