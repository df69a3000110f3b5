//! The one modular power that RSA with a public key takes. Nothing in it is
//! secret, so the time may show all of it.
//!
//! crypto-bigint has one too, which is 40 KB of WebAssembly: it is made for
//! secrets and for numbers of every size, and divides. The tests compare them.

/// A word of a number, and room for the product of two and two more. Numbers
/// have the lowest word first. With words of half the length WebAssembly is a
/// little faster, but gains nothing by wide arithmetic.
type Word = u64;
type Wide = u128;

const BYTES: usize = size_of::<Word>();

/// `base` to the `exponent`, modulo `modulus`: big endian and, like `base`, as
/// long as that. `None` where the modulus is even or begins with a zero, the
/// base is not below it, or the exponent is 0.
pub(super) fn power(base: &[u8], exponent: u64, modulus: &[u8]) -> Option<Vec<u8>> {
    let is_fit = modulus.first()? != &0 && modulus.last()? % 2 == 1 && base.len() == modulus.len();
    let len = modulus.len();
    let modulus = Modulus::new(words(modulus));
    let base = words(base);
    if !is_fit || !is_below(&base, &modulus.words) {
        return None;
    }
    let base = modulus.multiply(&base, &modulus.squared_radix());
    let mut power = base.clone();
    for bit in (0..exponent.checked_ilog2()?).rev() {
        power = modulus.multiply(&power, &power);
        if exponent >> bit & 1 == 1 {
            power = modulus.multiply(&power, &base);
        }
    }
    let mut one = vec![0; power.len()];
    one[0] = 1;
    let power = modulus.multiply(&power, &one);
    let bytes = power.iter().rev().flat_map(|word| word.to_be_bytes());
    Some(bytes.skip(power.len() * BYTES - len).collect())
}

/// An odd number, by which products are reduced.
struct Modulus {
    words: Vec<Word>,
    /// What its lowest word has to be multiplied by to give -1.
    negated_inverse: Word,
}

impl Modulus {
    fn new(words: Vec<Word>) -> Self {
        let lowest = words[0];
        // Right in its lowest 3 bits, and in twice as many after each step.
        let mut inverse = lowest;
        for _ in 0..5 {
            let error = lowest.wrapping_mul(inverse);
            inverse = inverse.wrapping_mul(Word::wrapping_sub(2, error));
        }
        Self {
            words,
            negated_inverse: inverse.wrapping_neg(),
        }
    }

    /// `a * b / R`, reduced, where the radix `R` is the lowest power of 2 with
    /// a word more than the modulus. Both factors have to be reduced.
    ///
    /// Source: P. L. Montgomery, "Modular multiplication without trial division";
    /// Handbook of Applied Cryptography, algorithm 14.36.
    fn multiply(&self, a: &[Word], b: &[Word]) -> Vec<Word> {
        let mut product: Vec<Word> = vec![0; a.len()];
        // The word above `product`, which stays below twice the modulus.
        let mut high = 0;
        for a in a {
            let mut carry = 0;
            for (word, b) in std::iter::zip(&mut product, b) {
                (*word, carry) = add_product(*word, *a, *b, carry);
            }
            let above = Wide::from(high) + Wide::from(carry);

            // Added as often as it takes for the lowest word to become zero,
            // which is then left out.
            let times = product[0].wrapping_mul(self.negated_inverse);
            let (_, mut carry) = add_product(product[0], times, self.words[0], 0);
            for at in 1..product.len() {
                (product[at - 1], carry) = add_product(product[at], times, self.words[at], carry);
            }
            let above = above + Wide::from(carry);
            if let Some(last) = product.last_mut() {
                *last = above as Word;
            }
            high = (above >> Word::BITS) as Word;
        }
        self.reduce_once(high, &mut product);
        product
    }

    /// Takes the modulus off a number with the word `high` above it, if it is not
    /// below it.
    fn reduce_once(&self, high: Word, number: &mut [Word]) {
        if high == 0 && is_below(number, &self.words) {
            return;
        }
        let mut borrow = false;
        for (word, off) in std::iter::zip(number, &self.words) {
            let (less, first) = word.overflowing_sub(*off);
            let (less, second) = less.overflowing_sub(borrow.into());
            (*word, borrow) = (less, first | second);
        }
    }

    /// `R * R`, reduced.
    fn squared_radix(&self) -> Vec<Word> {
        let len = self.words.len();
        let top = self.words[len - 1].ilog2();
        let mut number = vec![0; len];
        number[len - 1] = 1 << top;
        // From the highest power of 2 below the modulus to `R`, and on by 2 for
        // each of its words.
        for _ in 0..(Word::BITS - top) as usize + len {
            let mut carry = 0;
            for word in &mut number {
                (*word, carry) = (*word << 1 | carry, *word >> (Word::BITS - 1));
            }
            self.reduce_once(carry, &mut number);
        }
        // By Montgomery's product, R * 2^n squared is R * 2^(2 * n).
        for _ in 0..Word::BITS.ilog2() {
            number = self.multiply(&number, &number);
        }
        number
    }
}

/// `word + a * b + carry`, and what is above a word of it.
fn add_product(word: Word, a: Word, b: Word, carry: Word) -> (Word, Word) {
    let sum = Wide::from(word) + Wide::from(a) * Wide::from(b) + Wide::from(carry);
    (sum as Word, (sum >> Word::BITS) as Word)
}

fn is_below(a: &[Word], b: &[Word]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn words(bytes: &[u8]) -> Vec<Word> {
    let fold = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(0, |word, byte| word << 8 | Word::from(*byte))
    };
    bytes.rchunks(BYTES).map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::{BYTES, power};
    use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
    use crypto_bigint::{BoxedUint, Odd};

    /// The same by crypto-bigint.
    fn expected(base: &[u8], exponent: u64, modulus: &[u8]) -> Vec<u8> {
        let modulus = Odd::new(BoxedUint::from_be_slice_vartime(modulus)).unwrap();
        let bits = modulus.bits_precision();
        let params = BoxedMontyParams::new_vartime(modulus);
        let mut padded = vec![0; bits as usize / 8 - base.len()];
        padded.extend_from_slice(base);
        let number = BoxedUint::from_be_slice(&padded, bits).unwrap();
        let power = BoxedMontyForm::new(number, &params).pow(&BoxedUint::from(exponent));
        power.retrieve().to_be_bytes()[padded.len() - base.len()..].to_vec()
    }

    /// Bytes with long runs of zeros and ones, as carries need them, and all
    /// others.
    fn bytes(len: usize, seed: &mut u64) -> Vec<u8> {
        let mut next = || {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            *seed
        };
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let run = next() as usize % 24 + 1;
            match next() % 4 {
                0 => bytes.resize(bytes.len() + run, 0),
                1 => bytes.resize(bytes.len() + run, 0xff),
                _ => bytes.extend((0..run).map(|_| next() as u8)),
            }
        }
        bytes.truncate(len);
        bytes
    }

    #[test]
    fn powers_are_those_of_crypto_bigint() {
        let mut seed = 0x9e37_79b9_7f4a_7c15;
        let lens = (1..40).chain([63, 64, 65, 127, 128, 129, 255, 256, 257, 384]);
        for len in lens.chain([512, 513, 1024]) {
            for exponent in [1, 2, 3, 5, 17, 65_537, (1 << 33) - 1] {
                let mut modulus = bytes(len, &mut seed);
                modulus[0] = modulus[0].max(1);
                modulus[len - 1] |= 1;
                let mut base = bytes(len, &mut seed);
                if base >= modulus {
                    base[0] = 0;
                }
                if base >= modulus {
                    base = vec![0; len];
                }
                let power = power(&base, exponent, &modulus).unwrap();
                assert_eq!(
                    power,
                    expected(&base, exponent, &modulus),
                    "{len} {exponent}"
                );
            }
        }
    }

    #[test]
    fn the_largest_and_smallest_numbers() {
        for len in [1, BYTES - 1, BYTES, BYTES + 1, 4 * BYTES, 256] {
            let mut largest = vec![0xff; len];
            let mut smallest = vec![0; len];
            smallest[0] = 1;
            smallest[len - 1] |= 1;
            let mut one = vec![0; len];
            one[len - 1] = 1;
            for modulus in [&largest, &smallest] {
                let mut below = modulus.clone();
                below[len - 1] -= 1;
                // (-1)^3 and (-1)^2.
                if below.iter().any(|byte| *byte != 0) {
                    assert_eq!(power(&below, 3, modulus).unwrap(), below);
                    assert_eq!(power(&below, 2, modulus).unwrap(), one);
                }
                assert_eq!(power(&vec![0; len], 3, modulus).unwrap(), vec![0; len]);
                assert_eq!(power(modulus, 3, modulus), None);
                assert_eq!(power(&below, 0, modulus), None);
                assert_eq!(power(&below[1..], 3, modulus), None);
            }
            largest[len - 1] = 0xfe;
            assert_eq!(power(&one, 3, &largest), None);
        }
    }
}
