//! Labelled grey images of one size.

use crate::error::{Error, Result};

/// `N` labelled grey images of one size, a byte a pixel.
///
/// A recurrent model reads an image as a sequence: a row is a time step (`T` = rows) and a
/// pixel of it a feature (`F` = columns).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDataset {
    pixels: Vec<u8>,
    rows: usize,
    columns: usize,
    labels: Vec<u8>,
    classes: usize,
}

/// A training part and the part on which a model is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageParts {
    /// What a model is fitted to.
    pub train: ImageDataset,
    /// What it never sees while it is fitted.
    pub test: ImageDataset,
}

/// What [`ImageDataset::hold_out`] makes of a training part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldOut {
    /// The images that stay for training.
    pub train: ImageDataset,
    /// The first images, held out; none when their number was 0.
    pub valid: Option<ImageDataset>,
}

impl ImageDataset {
    /// From `pixels` `[N, rows, columns]`, an image after the other, and `labels` `[N]`.
    ///
    /// # Errors
    ///
    /// When there is no image, a side is 0, the numbers of pixels and labels do not belong
    /// together, `classes` is not in 1 to 256, or a label is not below it.
    pub fn new(
        pixels: Vec<u8>,
        [rows, columns]: [usize; 2],
        labels: Vec<u8>,
        classes: usize,
    ) -> Result<Self> {
        let refuse =
            |problem: String, remedy: &str| Err(Error::argument("images", problem, remedy));
        if labels.is_empty() || rows == 0 || columns == 0 {
            return refuse(
                format!("{} images of {rows}x{columns} pixels", labels.len()),
                "give at least one image of at least one pixel",
            );
        }
        let needed = [rows, columns]
            .iter()
            .try_fold(labels.len(), |product, &size| product.checked_mul(size));
        if needed != Some(pixels.len()) {
            return refuse(
                format!(
                    "{} labels of {rows}x{columns} images do not go with {} pixels",
                    labels.len(),
                    pixels.len()
                ),
                "give one label and rows x columns pixels an image",
            );
        }
        if !(1..=256).contains(&classes) {
            return refuse(
                format!("{classes} classes cannot be told apart by a byte"),
                "give 1 to 256 classes",
            );
        }
        if let Some(at) = labels
            .iter()
            .position(|&label| usize::from(label) >= classes)
        {
            return refuse(
                format!("label {at} is {}, of {classes} classes", labels[at]),
                "give labels below the number of classes",
            );
        }
        Ok(Self {
            pixels,
            rows,
            columns,
            labels,
            classes,
        })
    }

    /// `N`, the number of images: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// `T`: the rows of an image.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// `F`: the columns of an image.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of classes; every label is below it.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// `[N, rows, columns]`: all pixels, 0 to 255.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// `[N]`: the class of every image.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// `[rows, columns]`: the pixels of one image.
    ///
    /// # Panics
    ///
    /// When there is no image `index`.
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.rows * self.columns;
        &self.pixels[index * size..][..size]
    }

    /// `[B, T, F]`: the images of `indices` as numbers from 0 to 1, a 255th per grey level.
    ///
    /// # Panics
    ///
    /// When an index is not below [`len`](Self::len).
    pub fn inputs(&self, indices: &[usize]) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(indices.len() * self.rows * self.columns);
        for &index in indices {
            numbers.extend(self.image(index).iter().copied().map(scaled));
        }
        numbers
    }

    /// `[B]`: the classes of `indices`.
    ///
    /// # Panics
    ///
    /// When an index is not below [`len`](Self::len).
    pub fn targets(&self, indices: &[usize]) -> Vec<u8> {
        indices.iter().map(|&index| self.labels[index]).collect()
    }

    /// Holds the first `count` images out of training.
    ///
    /// # Errors
    ///
    /// When none would be left to train on.
    pub fn hold_out(mut self, count: usize) -> Result<HeldOut> {
        if count >= self.len() {
            return Err(Error::argument(
                "data.hold_out",
                format!("{count} of {} training images", self.len()),
                format!("hold out fewer than {}", self.len()),
            ));
        }
        if count == 0 {
            return Ok(HeldOut {
                train: self,
                valid: None,
            });
        }
        let kept_pixels = self.pixels.split_off(count * self.rows * self.columns);
        let kept_labels = self.labels.split_off(count);
        let train = Self {
            pixels: kept_pixels,
            labels: kept_labels,
            ..self
        };
        Ok(HeldOut {
            train,
            valid: Some(self),
        })
    }
}

/// A pixel as the number that a model sees: `value / 255`, in f32.
pub(crate) fn scaled(value: u8) -> f32 {
    f32::from(value) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> ImageDataset {
        let pixels = vec![0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6];
        ImageDataset::new(pixels, [1, 4], vec![2, 0, 1], 3).expect("a sound data set")
    }

    #[test]
    fn a_batch_is_the_images_asked_for_scaled_to_one() {
        let images = three();
        assert_eq!(
            images.inputs(&[1, 0]),
            [204.0, 255.0, 1.0, 2.0, 0.0, 51.0, 102.0, 153.0].map(|value: f32| value / 255.0)
        );
        assert_eq!(images.targets(&[1, 0, 1]), [0, 2, 0]);
    }

    #[test]
    fn the_first_images_are_held_out() {
        let HeldOut { train, valid } = three().hold_out(1).expect("two are left");
        let valid = valid.expect("one is held out");
        assert_eq!(
            (valid.labels(), valid.pixels()),
            (&[2][..], &[0, 51, 102, 153][..])
        );
        assert_eq!(train.labels(), [0, 1]);
        assert_eq!(train.image(1), [3, 4, 5, 6]);
        assert_eq!(three().hold_out(0).expect("nothing asked").valid, None);
    }

    #[test]
    fn holding_out_everything_is_refused() {
        let error = three().hold_out(3).expect_err("nothing would be left");
        assert_eq!(
            error.to_string(),
            "data.hold_out: 3 of 3 training images; hold out fewer than 3"
        );
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let message = |pixels: usize, size, labels: Vec<u8>, classes| {
            ImageDataset::new(vec![0; pixels], size, labels, classes)
                .expect_err("unsound")
                .to_string()
        };
        assert_eq!(
            message(5, [2, 2], vec![0], 2),
            "images: 1 labels of 2x2 images do not go with 5 pixels; \
             give one label and rows x columns pixels an image"
        );
        assert_eq!(
            message(0, [2, 2], vec![], 2),
            "images: 0 images of 2x2 pixels; give at least one image of at least one pixel"
        );
        assert_eq!(
            message(2, [1, 1], vec![0, 2], 2),
            "images: label 1 is 2, of 2 classes; give labels below the number of classes"
        );
        assert_eq!(
            message(1, [1, 1], vec![0], 257),
            "images: 257 classes cannot be told apart by a byte; give 1 to 256 classes"
        );
        assert!(message(1, [usize::MAX, 2], vec![0], 2).contains("do not go with 1 pixels"));
    }
}
