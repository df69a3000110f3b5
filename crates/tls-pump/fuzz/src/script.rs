//! An input, read from its front.

/// What is left of an input.
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next step; `None` at the end.
    pub(crate) fn step(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A byte; 0 at the end.
    pub(crate) fn byte(&mut self) -> u8 {
        self.step().unwrap_or_default()
    }

    /// A length up to 64 KiB, about as often short as long.
    pub(crate) fn len(&mut self) -> usize {
        match self.byte() {
            short @ 0..128 => short.into(),
            long => usize::from(long - 128) << 9 | usize::from(self.byte()),
        }
    }

    /// So many bytes, or what is left of them.
    pub(crate) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}
