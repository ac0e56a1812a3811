//! A model of polyphony that reads and writes a piece, step by step.

use crate::data::Piece;
use crate::error::Result;
use crate::generate::Sampler;
use crate::task::{PolyphonyModel, PolyphonyStream};

/// A model in the middle of a piece that it continues: the state is kept, so that each step of the piece
/// costs one step of the network.
///
/// ```text
/// p_t  = sigmoid(logits_t / temperature)        [88], of all steps before t
/// key sounds in step t with p_t[key], independently of the other keys; the step is read as step t
/// ```
///
/// Boulanger-Lewandowski et al. (2012), arXiv 1206.6392, whose RNN without an RBM this is.
#[derive(Debug)]
pub struct Composer<'m> {
    stream: PolyphonyStream<'m>,
    sampler: Sampler,
    /// `[88]`: of the keys of the next step.
    logits: Vec<f32>,
}

impl<'m> Composer<'m> {
    /// At the beginning of a piece.
    ///
    /// # Errors
    ///
    /// When the network reads in both directions.
    pub fn new(model: &'m PolyphonyModel, sampler: Sampler) -> Result<Self> {
        let mut stream = model.stream()?;
        // What comes before the first step is silent, as in training.
        let logits = stream.feed(&[])?;
        Ok(Self {
            stream,
            sampler,
            logits,
        })
    }

    /// Reads `piece`, which is not the model's.
    ///
    /// # Errors
    ///
    /// When it does not fit the network.
    pub fn read(&mut self, piece: &Piece) -> Result<()> {
        for keys in &piece.0 {
            self.logits = self.stream.feed(keys)?;
        }
        Ok(())
    }

    /// Writes one step: the keys that sound, from 0 to 87, rising.
    ///
    /// # Errors
    ///
    /// When the sampler draws one token of many (top-k, top-p), or the model's numbers are not finite.
    pub fn write(&mut self) -> Result<Vec<u8>> {
        let sounds = self.sampler.draw_each(&self.logits)?;
        let keys: Vec<u8> = (0..)
            .zip(sounds)
            .filter_map(|(key, sounds)| sounds.then_some(key))
            .collect();
        self.logits = self.stream.feed(&keys)?;
        Ok(keys)
    }
}
