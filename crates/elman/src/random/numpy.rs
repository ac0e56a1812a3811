//! NumPy's legacy generator `numpy.random.RandomState`, draw for draw.
//!
//! The chapter draws its data with it. Matsumoto and Nishimura (1998), "Mersenne Twister", with
//! NumPy's own way from words to numbers (`numpy/random/src/legacy`, `_mt19937.pyx`, `mtrand.pyx`).

use crate::error::{Error, Result};

/// The generator behind `np.random.seed`, `np.random.rand` and their like.
///
/// ```
/// use elman::random::numpy::RandomState;
///
/// let mut random = RandomState::new(42); // np.random.seed(42)
/// assert_eq!(random.rand(), 0.3745401188473625); // np.random.rand()
/// ```
#[derive(Clone)]
pub struct RandomState {
    state: [u32; Self::WORDS],
    used: usize,
}

impl RandomState {
    const WORDS: usize = 624;
    const SHIFT: usize = 397;
    const TWIST: u32 = 0x9908_B0DF;
    const UPPER_BIT: u32 = 0x8000_0000;

    /// `np.random.RandomState(seed)`, which is `np.random.seed(seed)` (`init_genrand`).
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; Self::WORDS];
        for index in 1..Self::WORDS {
            let previous = state[index - 1];
            state[index] = (previous ^ (previous >> 30))
                .wrapping_mul(1_812_433_253)
                .wrapping_add(index as u32);
        }
        Self {
            state,
            used: Self::WORDS,
        }
    }

    /// 32 random bits (`randint(0, 2**32, dtype=np.uint32)`).
    pub fn word(&mut self) -> u32 {
        if self.used == Self::WORDS {
            self.twist();
            self.used = 0;
        }
        let mut word = self.state[self.used];
        self.used += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        word ^ (word >> 18)
    }

    /// The next 624 words of state from the last.
    fn twist(&mut self) {
        for index in 0..Self::WORDS {
            let next = self.state[(index + 1) % Self::WORDS];
            let mixed = (self.state[index] & Self::UPPER_BIT) | (next & !Self::UPPER_BIT);
            let twisted = (mixed >> 1) ^ if mixed & 1 == 1 { Self::TWIST } else { 0 };
            self.state[index] = self.state[(index + Self::SHIFT) % Self::WORDS] ^ twisted;
        }
    }

    /// Uniform in [0, 1), a multiple of 2^-53 (`rand`, `random_sample`).
    pub fn rand(&mut self) -> f64 {
        let high = u64::from(self.word() >> 5);
        let low = u64::from(self.word() >> 6);
        ((high << 26) | low) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform among `low` … `high` - 1 (`randint(low, high)`).
    ///
    /// # Errors
    ///
    /// When `high` is not above `low`.
    pub fn randint(&mut self, low: i64, high: i64) -> Result<i64> {
        if low >= high {
            return Err(Error::argument(
                "randint",
                format!("high is {high}, which is not above low, {low}"),
                "give a high that is at least low + 1",
            ));
        }
        let largest = high.wrapping_sub(low).wrapping_sub(1) as u64;
        Ok(low.wrapping_add(self.up_to(largest) as i64))
    }

    /// One of `items` (`choice`).
    ///
    /// # Errors
    ///
    /// When there are no items.
    pub fn choice<'a, T>(&mut self, items: &'a [T]) -> Result<&'a T> {
        match items.len().checked_sub(1) {
            Some(last) => Ok(&items[self.up_to(last as u64) as usize]),
            None => Err(Error::argument(
                "choice",
                "there is nothing to choose from",
                "give at least one item",
            )),
        }
    }

    /// Puts `items` in random order (`shuffle`).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.up_to(last as u64) as usize);
        }
    }

    /// The numbers 0 … `count` - 1 in random order (`permutation(count)`); its first k are
    /// `choice(count, k, replace=False)`.
    pub fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        self.shuffle(&mut order);
        order
    }

    /// Uniform among 0 … `largest`: words under a mask, until one is not too large. Only what
    /// needs more than 32 bits takes two words; what needs none takes none.
    fn up_to(&mut self, largest: u64) -> u64 {
        if largest == 0 {
            return 0;
        }
        let mask = u64::MAX >> largest.leading_zeros();
        loop {
            let word = if largest <= u64::from(u32::MAX) {
                u64::from(self.word())
            } else {
                let high = u64::from(self.word());
                (high << 32) | u64::from(self.word())
            };
            if word & mask <= largest {
                return word & mask;
            }
        }
    }
}

impl std::fmt::Debug for RandomState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RandomState")
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::RandomState;

    /// What NumPy gave, as `fixtures/numpy/make.py` wrote it.
    fn answers() -> Value {
        let text = include_str!("../../../../fixtures/numpy/legacy.json");
        serde_json::from_str(text).expect("the fixture is JSON")
    }

    fn integers(value: &Value) -> Vec<i64> {
        let list = value.as_array().expect("a list");
        assert!(!list.is_empty());
        list.iter()
            .map(|number| number.as_i64().expect("an integer"))
            .collect()
    }

    /// `value`·2^53, which is an integer.
    fn exact(value: f64) -> i64 {
        (value * (1_u64 << 53) as f64) as i64
    }

    fn draws(count: usize, draw: impl FnMut() -> i64) -> Vec<i64> {
        std::iter::repeat_with(draw).take(count).collect()
    }

    fn as_integers(order: &[usize]) -> Vec<i64> {
        order.iter().map(|&index| index as i64).collect()
    }

    #[test]
    fn words_are_numpys() {
        let answers = answers();
        let mut random = RandomState::new(42);
        let words = draws(1004, || i64::from(random.word()));
        assert_eq!(words[..8], integers(&answers["words"]));
        assert_eq!(words[1000..], integers(&answers["words_after_1000"]));
    }

    #[test]
    fn rand_is_numpys() {
        let answers = answers();
        for (seed, name) in [
            (42, "rand"),
            (0, "seed_0_rand"),
            (u32::MAX, "seed_4294967295_rand"),
        ] {
            let expected = integers(&answers[name]);
            let mut random = RandomState::new(seed);
            assert_eq!(
                draws(expected.len(), || exact(random.rand())),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn randint_is_numpys() {
        let answers = answers();
        for (name, low, high) in [
            ("randint_1", 0, 1),
            ("randint_2", 0, 2),
            ("randint_5_to_105", 5, 105),
            ("randint_2_32", 0, 1 << 32),
            ("randint_2_40", 0, 1 << 40),
            ("randint_negative", -50, 50),
        ] {
            let expected = integers(&answers[name]);
            let mut random = RandomState::new(42);
            let found = draws(expected.len(), || {
                random.randint(low, high).expect("a range")
            });
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn the_whole_range_of_i64_is_a_range() {
        let mut random = RandomState::new(42);
        let drawn = random.randint(i64::MIN, i64::MAX).expect("a range");
        assert!(drawn < i64::MAX);
    }

    #[test]
    fn permutation_shuffle_and_choice_are_numpys() {
        let answers = answers();
        let order = |count| as_integers(&RandomState::new(42).permutation(count));
        assert_eq!(order(10), integers(&answers["permutation_10"]));
        assert_eq!(
            order(1000)[..10],
            integers(&answers["permutation_1000_head"])
        );
        assert_eq!(
            order(20)[..5],
            integers(&answers["choice_without_replacement_20_5"])
        );

        let mut letters: Vec<char> = ('a'..='j').collect();
        RandomState::new(42).shuffle(&mut letters);
        assert_eq!(
            letters.iter().collect::<String>(),
            answers["shuffle"].as_str().expect("text")
        );

        let mut random = RandomState::new(42);
        let chosen: String = (0..12)
            .map(|_| *random.choice(&['a', 'b', 'c', 'd', 'e']).expect("items"))
            .collect();
        assert_eq!(chosen, answers["choice_abcde"].as_str().expect("text"));
    }

    #[test]
    fn operations_share_one_stream() {
        let expected = &answers()["sequence"];
        let mut random = RandomState::new(7);
        assert_eq!(
            draws(3, || exact(random.rand())),
            integers(&expected["rand"])
        );
        let digits = draws(3, || random.randint(0, 10).expect("a range"));
        assert_eq!(digits, integers(&expected["randint_10"]));
        assert_eq!(
            as_integers(&random.permutation(6)),
            integers(&expected["permutation_6"])
        );
        let letter = random.choice(&["a", "b", "c", "d", "e"]).expect("items");
        assert_eq!(*letter, expected["choice_abcde"].as_str().expect("text"));
        assert_eq!(
            draws(2, || exact(random.rand())),
            integers(&expected["rand_after"])
        );
    }

    #[test]
    fn what_cannot_be_drawn_is_an_error() {
        let mut random = RandomState::new(42);
        let error = random.randint(3, 3).expect_err("nothing is below 3 from 3");
        assert!(error.is_argument());
        assert!(error.to_string().contains("high is 3"), "{error}");
        let error = random.choice::<u8>(&[]).expect_err("nothing to choose");
        assert!(error.is_argument());
        assert!(error.to_string().contains("choice"), "{error}");
    }
}
