//! Philox 4x32-10, the counter-based generator that TensorFlow uses.
//!
//! Salmon, Moraes, Dror and Shaw (2011), "Parallel Random Numbers: As Easy as 1, 2, 3".

/// The generator: a 64-bit key and a 128-bit counter that goes up by one a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
    counter: [u64; 2],
}

impl Philox {
    const ROUNDS: usize = 10;
    const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const KEY_INCREMENTS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

    /// `counter` is (low half, high half); the low half counts blocks.
    pub fn new(key: u64, counter: [u64; 2]) -> Self {
        Self {
            key: split(key),
            counter,
        }
    }

    /// Passes over so many blocks.
    #[inline(always)]
    pub fn skip(&mut self, blocks: u64) {
        let [low, high] = self.counter;
        let (low, carry) = low.overflowing_add(blocks);
        self.counter = [low, high.wrapping_add(u64::from(carry))];
    }

    /// Four random words; then the counter goes up by one.
    pub fn next_block(&mut self) -> [u32; 4] {
        let [[a], [b], [c], [d]] = self.next_blocks();
        [a, b, c, d]
    }

    /// The first, second, third and fourth words of the next `N` blocks, made side by side.
    #[inline(always)]
    pub fn next_blocks<const N: usize>(&mut self) -> [[u32; N]; 4] {
        // Words stand in 64 bits each: vector units multiply such. In 32 bits each, rustc 1.95 (LLVM's
        // SLP vectoriser) made wrong words of eight blocks in optimised builds; the test of
        // `Generator::fill` shows it with `cargo test --release`.
        let mut block = [[0; N]; 4];
        for lane in 0..N {
            let [low, high] = self.counter;
            self.skip(1);
            let ([c0, c1], [c2, c3]) = (split(low), split(high));
            for (words, word) in block.iter_mut().zip([c0, c1, c2, c3]) {
                words[lane] = u64::from(word);
            }
        }
        let mut key = self.key;
        for _ in 0..Self::ROUNDS {
            let [a, b, c, d] = &mut block;
            for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
                let product_0 = u64::from(Self::MULTIPLIERS[0]) * *a;
                let product_1 = u64::from(Self::MULTIPLIERS[1]) * *c;
                *a = (product_1 >> 32) ^ *b ^ u64::from(key[0]);
                *b = product_1 & u64::from(u32::MAX);
                *c = (product_0 >> 32) ^ *d ^ u64::from(key[1]);
                *d = product_0 & u64::from(u32::MAX);
            }
            for (word, increment) in key.iter_mut().zip(Self::KEY_INCREMENTS) {
                *word = word.wrapping_add(increment);
            }
        }
        block.map(|words| words.map(|word| word as u32))
    }
}

/// Low and high word.
#[inline(always)]
fn split(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::Philox;

    /// The known answers that Random123 1.14 ships (`kat_vectors`, philox4x32 10 rounds).
    #[test]
    fn blocks_are_skipped_beyond_the_low_half_too() {
        let mut one_by_one = Philox::new(3, [u64::MAX - 1, 5]);
        let mut at_once = one_by_one.clone();
        for _ in 0..4 {
            one_by_one.next_block();
        }
        at_once.skip(4);
        assert_eq!(at_once, one_by_one);
    }

    #[test]
    fn known_answers() {
        assert_eq!(
            Philox::new(0, [0, 0]).next_block(),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            Philox::new(u64::MAX, [u64::MAX, u64::MAX]).next_block(),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }
}
