//! A language model that reads and writes a text, token by token.

use crate::data::text::StreamedText;
use crate::error::Result;
use crate::generate::Sampler;
use crate::task::{LanguageStream, TrainedLanguage};

/// A model in the middle of a text that it continues: the state is kept, so that each token costs
/// one step.
///
/// Before anything is read or written, a model of documents is at the beginning of one, any other
/// takes every token for equally likely: whatever the temperature, unless it is 0, which takes the
/// first of equals.
#[derive(Debug)]
pub struct Writer<'m> {
    language: &'m TrainedLanguage,
    stream: LanguageStream<'m>,
    sampler: Sampler,
    text: StreamedText<'m>,
    /// `[V]`: of the next token.
    logits: Vec<f32>,
    /// Tokens that are never written.
    barred: Vec<u32>,
}

impl<'m> Writer<'m> {
    /// At the beginning of a text.
    ///
    /// # Errors
    ///
    /// When the model cannot read its own boundary of documents.
    pub fn new(trained: &'m TrainedLanguage, sampler: Sampler) -> Result<Self> {
        let mut stream = trained.model.stream()?;
        let logits = match trained.tokenizer.boundary() {
            Some(boundary) => stream.feed(&[boundary])?,
            None => vec![0.0; trained.tokenizer.size()],
        };
        Ok(Self {
            language: trained,
            stream,
            sampler,
            text: StreamedText::new(&trained.tokenizer),
            logits,
            barred: trained.tokenizer.unwritten(),
        })
    }

    /// Reads `text`, which is not the model's; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`TrainedLanguage::encode`].
    pub fn read(&mut self, origin: &str, text: impl AsRef<[u8]>) -> Result<()> {
        let tokens = self.language.encode(origin, text.as_ref())?;
        if !tokens.is_empty() {
            self.logits = self.stream.feed(&tokens)?;
        }
        Ok(())
    }

    /// Writes one token; gives the text that is complete with it, none when a document is at its end:
    /// in UTF-8, of a model of bytes the byte itself. An unknown word is never written, nor a number
    /// that no token has.
    ///
    /// # Errors
    ///
    /// When the model's numbers are not finite.
    pub fn write(&mut self) -> Result<Option<Vec<u8>>> {
        let tokenizer = &self.language.tokenizer;
        let token = self.sampler.draw(&self.logits, &self.barred)?;
        self.logits = self.stream.feed(&[token])?;
        if Some(token) == tokenizer.boundary() {
            return Ok(None);
        }
        Ok(Some(match u8::try_from(token) {
            Ok(byte) if tokenizer.is_of_bytes() => vec![byte],
            _ => self.text.push(token).into_bytes(),
        }))
    }

    /// What of the last tokens was not yet a whole character.
    pub fn finish(&mut self) -> Vec<u8> {
        self.text.finish().into_bytes()
    }
}
