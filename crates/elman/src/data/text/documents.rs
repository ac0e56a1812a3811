//! Documents one by one, such as tunes: each is read from its own beginning.

use super::streams::TokenBatch;
use crate::data::{BatchOrder, Batches};
use crate::error::Result;

/// Documents, each with its boundaries.
#[derive(Clone, Debug)]
pub struct Documents {
    documents: Vec<Vec<u32>>,
    order: BatchOrder,
    steps: usize,
}

/// So many batches are sorted by length together, so that rows of a batch are of similar length.
const SORTED_TOGETHER: usize = 8;

impl Documents {
    /// `documents`, each of at least two tokens, in batches as `order` says.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn new(documents: Vec<Vec<u32>>, order: BatchOrder) -> Result<Self> {
        let steps = Batches::in_order(documents.len(), order.batch)?.steps();
        Ok(Self {
            documents,
            order,
            steps,
        })
    }

    /// Batches of an epoch.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The batches of `epoch` from number `from` on.
    ///
    /// # Errors
    ///
    /// When there is no document.
    pub fn batches(
        &self,
        epoch: usize,
        from: usize,
    ) -> Result<impl Iterator<Item = TokenBatch> + '_> {
        let batches = self.order.batches(epoch, self.documents.len())?;
        let batches: Vec<Vec<usize>> = batches.map(|batch| batch.indices).collect();
        let batches = match self.order.shuffle {
            true => self.sorted(epoch, batches),
            false => batches,
        };
        Ok(batches
            .into_iter()
            .skip(from)
            .map(|batch| self.batch(&batch)))
    }

    /// The same documents in batches of the same sizes, of similar lengths within some; in an order
    /// that has nothing to do with their lengths.
    fn sorted(&self, epoch: usize, batches: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
        let some = batches.chunks(SORTED_TOGETHER);
        let sorted = some.flat_map(|some| {
            let mut all: Vec<usize> = some.concat();
            all.sort_by_key(|&at| self.documents[at].len());
            let mut all = all.into_iter();
            let sizes = some.iter().map(Vec::len);
            sizes
                .map(|size| all.by_ref().take(size).collect())
                .collect::<Vec<_>>()
        });
        let mut sorted: Vec<Vec<usize>> = sorted.collect();
        let purpose = format!("order of batches, epoch {epoch}");
        let mut generator = self.order.seed.generator(&purpose);
        let order = generator.permutation(sorted.len()).into_iter();
        order.map(|at| std::mem::take(&mut sorted[at])).collect()
    }

    fn batch(&self, indices: &[usize]) -> TokenBatch {
        let rows: Vec<&[u32]> = indices
            .iter()
            .map(|&at| self.documents[at].as_slice())
            .collect();
        let lengths: Vec<usize> = rows.iter().map(|row| row.len() - 1).collect();
        let time = lengths.iter().copied().max().unwrap_or(0);
        let padded = |shift: usize| {
            let row = |(row, &length): (&&[u32], &usize)| {
                let mut tokens = row[shift..shift + length].to_vec();
                tokens.resize(time, 0);
                tokens
            };
            rows.iter().zip(&lengths).flat_map(row).collect()
        };
        TokenBatch {
            inputs: padded(0),
            targets: padded(1),
            shape: [rows.len(), time],
            lengths: Some(lengths),
            is_first: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    fn documents(shuffle: bool) -> Documents {
        let order = BatchOrder {
            seed: Seed::new(4),
            batch: 2,
            shuffle,
        };
        let all = (0..5).map(|at| (at..=2 * at + 1).collect()).collect();
        Documents::new(all, order).expect("some")
    }

    #[test]
    fn batches_are_padded_and_go_on_from_anywhere() {
        let documents = documents(false);
        let batches: Vec<_> = documents.batches(0, 0).expect("some").collect();
        assert_eq!(batches.len(), documents.steps());
        let expected = TokenBatch {
            inputs: vec![0, 0, 0, 1, 2, 0, 2, 3, 4],
            targets: vec![1, 0, 0, 2, 3, 0, 3, 4, 5],
            shape: [3, 3],
            lengths: Some(vec![1, 2, 3]),
            is_first: true,
        };
        assert_eq!(batches[0], expected);
        let rest: Vec<_> = documents.batches(0, 1).expect("some").collect();
        assert_eq!(rest, batches[1..]);
    }

    #[test]
    fn an_epoch_has_every_document_in_an_order_of_its_own() {
        let documents = documents(true);
        let lengths = |epoch| -> Vec<usize> {
            let batches = documents.batches(epoch, 0).expect("some");
            batches
                .flat_map(|batch| batch.lengths.expect("padded"))
                .collect()
        };
        let mut sorted = lengths(0);
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 2, 3, 4, 5]);
        assert_eq!(lengths(3), lengths(3));
        let orders: std::collections::BTreeSet<Vec<usize>> = (0..8).map(lengths).collect();
        assert!(orders.len() > 1, "every epoch has the same order");
    }
}
