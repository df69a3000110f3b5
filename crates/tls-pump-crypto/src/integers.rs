//! The one form of DER (X.690) that keys and signatures of peers have.

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;

/// The two numbers of a SEQUENCE that holds two INTEGERs and nothing else, big
/// endian, without leading zeros. `None` where anything is there that DER does
/// not allow, a number is negative, or anything is longer than 65,535 bytes.
pub(crate) fn two_integers(der: &[u8]) -> Option<[&[u8]; 2]> {
    let (content, after) = element(SEQUENCE, der)?;
    let (first, rest) = element(INTEGER, content)?;
    let (second, rest) = element(INTEGER, rest)?;
    let is_all = after.is_empty() && rest.is_empty();
    let numbers = [unsigned(first)?, unsigned(second)?];
    is_all.then_some(numbers)
}

/// The content of the element that `der` begins with, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match der {
        [found, ..] if *found != tag => return None,
        // Each length in its shortest form (section 10.1).
        [_, len @ ..=0x7f, rest @ ..] => (usize::from(*len), rest),
        [_, 0x81, len @ 0x80..=0xff, rest @ ..] => (usize::from(*len), rest),
        [_, 0x82, high @ 1..=0xff, low, rest @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// Section 8.3.
fn unsigned(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, rest @ ..] if matches!(rest, [] | [0x80..=0xff, ..]) => Some(rest),
        [1..=0x7f, ..] => Some(content),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::two_integers;

    /// A SEQUENCE of what is in `parts`.
    fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let len = u8::try_from(content.len()).unwrap();
        [&[0x30, len][..], &content].concat()
    }

    #[test]
    fn numbers_lose_the_zero_of_their_sign() {
        let der = sequence(&[&[2, 1, 0], &[2, 2, 0, 0x80]]);
        assert_eq!(two_integers(&der), Some([&[][..], &[0x80][..]]));
        let der = sequence(&[&[2, 1, 1], &[2, 2, 0x7f, 0xff]]);
        assert_eq!(two_integers(&der), Some([&[1][..], &[0x7f, 0xff][..]]));
    }

    #[test]
    fn lengths_of_two_and_three_bytes() {
        for len in [0x7f, 0x80, 0xff, 0x100, 0x101, 0xfff0] {
            let number = vec![1; len];
            let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
            let header = match len {
                0x100.. => vec![2, 0x82, high, low],
                0x80.. => vec![2, 0x81, low],
                _ => vec![2, low],
            };
            let content = [&header, &number[..], &[2, 1, 5]].concat();
            let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
            let mut der = match content.len() {
                0x100.. => vec![0x30, 0x82, high, low],
                _ => vec![0x30, 0x81, low],
            };
            der.extend_from_slice(&content);
            assert_eq!(two_integers(&der), Some([&number[..], &[5][..]]), "{len}");
            for end in 0..der.len() {
                assert_eq!(two_integers(&der[..end]), None, "{len}: {end}");
            }
        }
    }

    #[test]
    fn nothing_but_der() {
        let one: &[u8] = &[2, 1, 1];
        for wrong in [
            sequence(&[one]),
            sequence(&[one, one, one]),
            sequence(&[one, one, &[5, 0]]),
            [sequence(&[one, one]), vec![0]].concat(),
            // Other tags.
            [&[0x31, 6], one, one].concat(),
            sequence(&[one, &[3, 1, 1]]),
            // Negative, padded and empty numbers.
            sequence(&[one, &[2, 1, 0x80]]),
            sequence(&[one, &[2, 2, 0, 1]]),
            sequence(&[one, &[2, 2, 0, 0]]),
            sequence(&[one, &[2, 0]]),
            // Lengths in other forms: longer than need be, or open.
            sequence(&[one, &[2, 0x81, 1, 1]]),
            sequence(&[one, &[2, 0x82, 0, 1, 1]]),
            [&[0x30, 0x81, 6], one, one].concat(),
            [&[0x30, 0x82, 0, 6], one, one].concat(),
            [&[0x30, 0x83, 0, 0, 6], one, one].concat(),
            [&[0x30, 0x80], one, one, &[0, 0]].concat(),
            [&[0x30, 0xff], one, one].concat(),
        ] {
            assert_eq!(two_integers(&wrong), None, "{wrong:02x?}");
        }
        assert!(two_integers(&sequence(&[one, one])).is_some());
    }
}
