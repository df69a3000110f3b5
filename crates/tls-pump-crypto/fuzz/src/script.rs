//! An input, read from its front.

/// What is left of an input. At its end it is all zeros, which damage nothing.
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// Whether one of 16, or 0 in all those that are over.
    pub(crate) fn rarely(&mut self) -> bool {
        self.byte() % 16 == 15
    }

    pub(crate) fn number(&mut self) -> usize {
        u16::from_be_bytes(self.array()).into()
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

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let bytes = self.bytes(N);
        array[..bytes.len()].copy_from_slice(bytes);
        array
    }

    pub(crate) fn choose<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.byte()) % all.len()]
    }

    /// Changes up to three places of `bytes`.
    pub(crate) fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.byte() % 4 {
            self.change(bytes);
        }
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let (what, value) = (self.byte(), self.byte());
        let at = self.number() % (bytes.len() + 1);
        let some = usize::from(value) % (bytes.len() - at + 1);
        match what % 8 {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_slice(self.bytes(value.into())),
            2 => bytes.insert(at, value),
            3 => _ = bytes.drain(at..at + some),
            4 => bytes[at..at + some].fill((what >> 3 & 1) * 0xff),
            // What follows needs a byte.
            _ if at == bytes.len() => bytes.push(value),
            5 => bytes[at] ^= 1 << (value % 8),
            6 => bytes[at] = bytes[at].wrapping_add(1 + value % 2 * 0xfe),
            _ => bytes[at] = value,
        }
    }
}
