//! What several instances have in common, and so is got once for all of them: two services of one account have one identity.
//!
//! Invariant: instances share only what is made of the same settings.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::settings::Settings;

/// What was made, and of which settings. Clones share it.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Vec<Made>>>);

struct Made {
    settings: Settings,
    what: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shared")
    }
}

impl Shared {
    /// What was made of these settings, or is now.
    #[cfg_attr(not(feature = "provider-aws"), allow(dead_code, reason = "AWS has several services"))]
    pub(super) fn of<T: Any + Send + Sync>(&self, settings: &Settings, make: impl FnOnce() -> T) -> Arc<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut alike = all.iter().filter(|made| made.settings == *settings);
        let known = alike.find_map(|made| Arc::clone(&made.what).downcast().ok());
        known.unwrap_or_else(|| {
            let anew = Arc::new(make());
            let what: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(&anew);
            all.push(Made { settings: settings.clone(), what });
            anew
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::settings::Value;

    #[test]
    fn what_is_made_of_the_same_settings_is_one_and_of_others_another() {
        let (shared, mut other) = (Shared::default(), Settings::default());
        other.insert("region", Value::Text("eu-central-1".to_owned()));
        let one: Arc<u32> = shared.of(&Settings::default(), || 1);
        assert_eq!((*one, *shared.clone().of::<u32>(&Settings::default(), || 2)), (1, 1));
        assert_eq!(*shared.of::<u32>(&other, || 3), 3);
        assert_eq!(*shared.of(&Settings::default(), || "another kind"), "another kind");
    }
}
