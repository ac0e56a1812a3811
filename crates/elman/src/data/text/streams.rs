//! Parallel streams through a text, in windows: what truncated backpropagation trains on.
//!
//! ```text
//! tokens     0 1 2 … L-1 | L … 2L-1 | … | (B-1)L … BL-1        L = ⌊(N - 1) / B⌋
//! window w   of stream b reads tokens bL + wT … bL + wT + T-1 and foretells those one place later
//! ```

use crate::error::{Error, Result};

/// A text cut into `B` streams, each read in windows of `T` steps, the last one maybe shorter. Up to
/// `B` - 1 tokens at the end of the text are in no stream.
#[derive(Clone, Debug)]
pub struct Streams {
    tokens: Vec<u32>,
    batch: usize,
    window: usize,
    /// `L`, the tokens that each stream foretells.
    length: usize,
}

/// Tokens, and what comes after each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBatch {
    /// `[B, T]`, row by row.
    pub inputs: Vec<u32>,
    /// `[B, T]`: the token after each.
    pub targets: Vec<u32>,
    /// `[B, T]`.
    pub shape: [usize; 2],
    /// The real steps of each row, `[B]`; `None` when all are. What stands in the padding is 0.
    pub lengths: Option<Vec<usize>>,
    /// Do the rows begin with it, or go on from the batch before?
    pub is_first: bool,
}

impl Streams {
    /// `batch` streams (`B`) through `tokens` in windows of `window` steps (`T`).
    ///
    /// # Errors
    ///
    /// When the text has not two tokens for every stream.
    pub fn new(tokens: Vec<u32>, batch: usize, window: usize) -> Result<Self> {
        let length = tokens.len().saturating_sub(1) / batch.max(1);
        if length == 0 || window == 0 {
            return Err(Error::argument(
                "data",
                format!(
                    "the training text has {} tokens, too few for {batch} streams",
                    tokens.len()
                ),
                "give more text or a smaller `train.batch`",
            ));
        }
        Ok(Self {
            tokens,
            batch,
            window,
            length,
        })
    }

    /// Windows of an epoch.
    pub fn steps(&self) -> usize {
        self.length.div_ceil(self.window)
    }

    /// The windows from number `from` on.
    pub fn windows(&self, from: usize) -> impl Iterator<Item = TokenBatch> + '_ {
        (from..self.steps()).map(|number| self.window(number))
    }

    fn window(&self, number: usize) -> TokenBatch {
        let start = number * self.window;
        let time = self.window.min(self.length - start);
        let rows = |shift: usize| {
            let row = |stream: usize| {
                let at = stream * self.length + start + shift;
                self.tokens[at..at + time].iter().copied()
            };
            (0..self.batch).flat_map(row).collect()
        };
        TokenBatch {
            inputs: rows(0),
            targets: rows(1),
            shape: [self.batch, time],
            lengths: None,
            is_first: number == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_go_on_from_window_to_window() {
        // 12 tokens: two streams of 5, one token left over, the last window shorter.
        let streams = Streams::new((0..12).collect(), 2, 3).expect("enough");
        let windows: Vec<_> = streams.windows(0).collect();
        assert_eq!(streams.steps(), 2);
        let first = TokenBatch {
            inputs: vec![0, 1, 2, 5, 6, 7],
            targets: vec![1, 2, 3, 6, 7, 8],
            shape: [2, 3],
            lengths: None,
            is_first: true,
        };
        let second = TokenBatch {
            inputs: vec![3, 4, 8, 9],
            targets: vec![4, 5, 9, 10],
            shape: [2, 2],
            lengths: None,
            is_first: false,
        };
        assert_eq!(windows, [first, second.clone()]);
        assert_eq!(streams.windows(1).collect::<Vec<_>>(), [second]);
    }

    #[test]
    fn a_text_shorter_than_its_streams_is_refused() {
        assert!(Streams::new(vec![1, 2, 3], 2, 5).is_ok());
        let refused = Streams::new(vec![1, 2], 2, 5).expect_err("too short");
        insta::assert_snapshot!(refused, @"data: the training text has 2 tokens, too few for 2 streams; give more text or a smaller `train.batch`");
    }
}
