//! DER (X.690), and how it is got wrong.

use super::script::Script;

pub(crate) const INTEGER: u8 = 2;
pub(crate) const BIT_STRING: u8 = 3;
pub(crate) const OCTET_STRING: u8 = 4;
pub(crate) const SEQUENCE: u8 = 0x30;

/// Writes values as a script says: mostly right.
pub(crate) struct Writer<'s, 'a> {
    pub(crate) script: &'s mut Script<'a>,
    /// Whether all was right.
    pub(crate) right: bool,
}

impl<'s, 'a> Writer<'s, 'a> {
    pub(crate) fn new(script: &'s mut Script<'a>) -> Self {
        let right = true;
        Self { script, right }
    }

    pub(crate) fn value(&mut self, tag: u8, contents: &[&[u8]]) -> Vec<u8> {
        let mut contents = contents.concat();
        let wrong = self.script.byte() % 32;
        self.right &= wrong < 28;
        if wrong == 28 {
            contents.push(self.script.byte());
        }
        let len = contents.len().to_be_bytes();
        let zeros = len.iter().take_while(|byte| **byte == 0).count();
        let mut value = vec![tag];
        match (contents.len(), wrong) {
            (_, 29) => value.push(0x80),
            // A byte more than it takes.
            (_, 30) if zeros > 0 => {
                value.push(0x80 | (len.len() - zeros + 1) as u8);
                value.extend_from_slice(&len[zeros - 1..]);
            }
            (short @ 0..0x80, _) => value.push(short as u8),
            _ => {
                value.push(0x80 | (len.len() - zeros) as u8);
                value.extend_from_slice(&len[zeros..]);
            }
        }
        value.append(&mut contents);
        match wrong {
            // The end of what has no length.
            29 => value.extend_from_slice(&[0, 0]),
            31 => value[0] ^= 1 << (self.script.byte() % 8),
            _ => {}
        }
        value
    }

    /// A number that is not negative, with zeros in front or without.
    pub(crate) fn integer(&mut self, number: &[u8]) -> Vec<u8> {
        let start = number.iter().position(|byte| *byte != 0);
        let number = &number[start.unwrap_or(number.len())..];
        let is_sign_needed = number.first().is_none_or(|byte| *byte >= 0x80);
        let zeros = match self.script.byte() % 32 {
            30 => 0,
            31 => 2,
            _ => usize::from(is_sign_needed),
        };
        self.right &= zeros == usize::from(is_sign_needed);
        self.value(INTEGER, &[&[0; 2][..zeros], number])
    }

    pub(crate) fn bit_string(&mut self, bytes: &[u8]) -> Vec<u8> {
        let unused = match self.script.rarely() {
            true => self.script.byte() % 10,
            false => 0,
        };
        self.right &= unused == 0;
        self.value(BIT_STRING, &[&[unused], bytes])
    }
}
