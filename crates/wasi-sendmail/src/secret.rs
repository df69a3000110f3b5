//! Text that never shows.

use std::fmt;
use zeroize::Zeroizing;

/// A password, or what may hold one. There is no `Display`, and `Debug` says
/// nothing, so that neither an error nor a log can give it away. It is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself: for the server only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_wiped() {
        fn is_wiped(_: &impl zeroize::ZeroizeOnDrop) {}
        is_wiped(&Secret::new("hunter2").0);
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.expose(), "hunter2");
    }
}
