//! Any picture of a digit as an image of MNIST's form.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use png::{ColorType, Decoder, Limits, Transformations};

use super::images::scaled;
use crate::error::{Error, Result};

/// Rows and columns of an image of MNIST's form.
pub const DIGIT_SIDE: usize = 28;

/// The digit fills a square of this side within the image.
const BOX_SIDE: usize = 20;
/// No side of a picture is longer.
const LONGEST_SIDE: usize = 16_384;
/// No picture has more pixels: 256 MiB while it is decoded.
const MOST_PIXELS: usize = 1 << 26;
/// From here on a grey value counts as bright.
const BRIGHT: u8 = 128;
/// A picture whose values differ by less shows nothing.
const LEAST_CONTRAST: u8 = 16;
/// What is darker, the brightest ink being 255, is no part of the digit's box.
const FAINTEST_INK: f32 = 25.5;

/// Reads a PNG picture of one digit as `[28, 28]` grey values, bright on dark, as MNIST's.
///
/// Any colour type and bit depth will do. Transparent parts take the colour of the border, or
/// where the border is transparent too, whichever of black and white is further from what is drawn.
///
/// A 28x28 picture without colour, on a dark border, is taken to be of MNIST's form already and
/// comes out as it went in. Any other goes the way of MNIST's makers (LeCun, Cortes and Burges):
/// made grey; inverted if its border is bright; stretched to 0 … 255; cut out; scaled to fit
/// 20x20 with its shape kept; and put into 28x28 with its centre of mass on the middle. The border
/// is the picture's outermost pixels, judged by their median.
///
/// # Errors
///
/// When the file cannot be read, is no PNG, is damaged, is longer than 16,384 pixels on a side or
/// 2^26 in all, or shows nothing.
pub fn read_digit_pixels(path: impl AsRef<Path>) -> Result<[u8; DIGIT_SIDE * DIGIT_SIDE]> {
    let path = path.as_ref();
    let picture = decode(path)?;
    let mut grey = picture.grey();
    let background = median(&border(&grey));
    let size = [grey.rows, grey.columns];
    if size == [DIGIT_SIDE; 2] && !picture.coloured && background < BRIGHT {
        let mut digit = [0; DIGIT_SIDE * DIGIT_SIDE];
        digit.copy_from_slice(&grey.values);
        ensure_contrast(path, digit.iter().copied())?;
        return Ok(digit);
    }
    ensure_contrast(path, grey.values.iter().copied())?;
    if background >= BRIGHT {
        for value in &mut grey.values {
            *value = 255 - *value;
        }
    }
    let background = if background >= BRIGHT {
        255 - background
    } else {
        background
    };
    let brightest = grey.values.iter().copied().max().unwrap_or(0);
    ensure_contrast(path, [background, brightest].into_iter())?;
    let ink = stretched(&grey, background, brightest);
    Ok(centred(&fitted(&cut_out(&ink))))
}

/// Reads a PNG picture of one digit as `[28, 28]` numbers from 0 to 1, as a model trained on
/// MNIST sees it: [`read_digit_pixels`], scaled by 1/255.
///
/// # Errors
///
/// As [`read_digit_pixels`].
pub fn read_digit(path: impl AsRef<Path>) -> Result<Vec<f32>> {
    let pixels = read_digit_pixels(path)?;
    Ok(pixels.into_iter().map(scaled).collect())
}

/// Rows of values.
struct Plane<T> {
    rows: usize,
    columns: usize,
    values: Vec<T>,
}

impl<T> Plane<T> {
    fn row(&self, row: usize) -> &[T] {
        &self.values[row * self.columns..][..self.columns]
    }
}

/// A decoded picture: grey and how opaque, for every pixel.
struct Picture {
    pixels: Plane<[u8; 2]>,
    coloured: bool,
}

fn decode(path: &Path) -> Result<Picture> {
    let metadata = fs::metadata(path).map_err(|source| Error::io("open", path, source))?;
    if !metadata.is_file() {
        return Err(Error::data(
            path,
            "expected a PNG file, found a folder, a pipe or a device",
            "name a PNG file",
        ));
    }
    let file = File::open(path).map_err(|source| Error::io("open", path, source))?;
    let limits = Limits {
        bytes: MOST_PIXELS * 4,
    };
    let mut decoder = Decoder::new_with_limits(BufReader::new(file), limits);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|error| damaged(path, &error))?;
    let info = reader.info();
    let [rows, columns] = [info.height, info.width].map(|length| length as usize);
    let too_large = rows.max(columns) > LONGEST_SIDE || rows * columns > MOST_PIXELS;
    let size = reader.output_buffer_size().filter(|_| !too_large);
    let Some(size) = size else {
        return Err(Error::data(
            path,
            format!("the picture has {columns}x{rows} pixels"),
            format!("give at most {LONGEST_SIDE} on a side and {MOST_PIXELS} in all"),
        ));
    };
    let mut bytes = vec![0; size];
    let frame = reader
        .next_frame(&mut bytes)
        .map_err(|error| damaged(path, &error))?;
    bytes.truncate(frame.buffer_size());
    let samples = frame.color_type.samples();
    let coloured = matches!(frame.color_type, ColorType::Rgb | ColorType::Rgba)
        && bytes
            .chunks_exact(samples)
            .any(|pixel| pixel[0] != pixel[1] || pixel[1] != pixel[2]);
    let pixels = bytes.chunks_exact(samples).map(|pixel| match *pixel {
        [grey] => [grey, 255],
        [grey, opacity] => [grey, opacity],
        [red, green, blue] => [luminance([red, green, blue]), 255],
        [red, green, blue, opacity, ..] => [luminance([red, green, blue]), opacity],
        [] => [0, 0],
    });
    let pixels = Plane {
        rows,
        columns,
        values: pixels.collect(),
    };
    Ok(Picture { pixels, coloured })
}

fn damaged(path: &Path, error: &png::DecodingError) -> Error {
    match error {
        png::DecodingError::IoError(source)
            if source.kind() != std::io::ErrorKind::UnexpectedEof =>
        {
            Error::io(
                "read",
                path,
                std::io::Error::new(source.kind(), source.to_string()),
            )
        }
        png::DecodingError::LimitsExceeded => Error::data(
            path,
            "the picture is too large",
            format!("give at most {LONGEST_SIDE} pixels on a side and {MOST_PIXELS} in all"),
        ),
        _ => Error::data(
            path,
            format!("this is no sound PNG file ({error})"),
            "save the picture as PNG again",
        ),
    }
}

/// The grey of a colour (ITU-R BT.601).
fn luminance([red, green, blue]: [u8; 3]) -> u8 {
    let weighted = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    ((weighted + 500) / 1000) as u8
}

impl Picture {
    /// The picture on an opaque ground.
    fn grey(&self) -> Plane<u8> {
        let ground = u32::from(self.ground());
        let blend = |&[grey, opacity]: &[u8; 2]| {
            let opacity = u32::from(opacity);
            ((u32::from(grey) * opacity + ground * (255 - opacity) + 127) / 255) as u8
        };
        Plane {
            rows: self.pixels.rows,
            columns: self.pixels.columns,
            values: self.pixels.values.iter().map(blend).collect(),
        }
    }

    /// What shows through where the picture is transparent.
    fn ground(&self) -> u8 {
        let border = border(&self.pixels);
        let opaque: Vec<u8> = border
            .iter()
            .filter(|pixel| pixel[1] >= BRIGHT)
            .map(|pixel| pixel[0])
            .collect();
        if opaque.len() * 2 > border.len() {
            return median(&opaque);
        }
        let weigh =
            |weight: fn(&[u8; 2]) -> u64| self.pixels.values.iter().map(weight).sum::<u64>();
        let drawn = weigh(|pixel| u64::from(pixel[0]) * u64::from(pixel[1]));
        let opacity = weigh(|pixel| u64::from(pixel[1]));
        if drawn >= opacity * u64::from(BRIGHT) && opacity > 0 {
            0
        } else {
            255
        }
    }
}

/// The outermost values of a plane.
fn border<T: Copy>(plane: &Plane<T>) -> Vec<T> {
    let mut border = Vec::new();
    for row in 0..plane.rows {
        let values = plane.row(row);
        if row == 0 || row + 1 == plane.rows {
            border.extend_from_slice(values);
        } else {
            border.push(values[0]);
            border.push(values[plane.columns - 1]);
        }
    }
    border
}

fn median(values: &[u8]) -> u8 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

fn ensure_contrast(path: &Path, values: impl Iterator<Item = u8> + Clone) -> Result<()> {
    let low = values.clone().min().unwrap_or(0);
    let high = values.max().unwrap_or(0);
    if high.saturating_sub(low) >= LEAST_CONTRAST {
        return Ok(());
    }
    Err(Error::data(
        path,
        format!(
            "the picture is blank: its grey values differ by {}",
            high - low
        ),
        format!("give a digit that differs from its ground by at least {LEAST_CONTRAST} of 255"),
    ))
}

/// The background becomes 0, the brightest ink 255.
fn stretched(grey: &Plane<u8>, background: u8, brightest: u8) -> Plane<f32> {
    let range = f32::from(brightest - background);
    let stretch = |&value: &u8| f32::from(value.saturating_sub(background)) * 255.0 / range;
    Plane {
        rows: grey.rows,
        columns: grey.columns,
        values: grey.values.iter().map(stretch).collect(),
    }
}

/// The smallest part with all of the digit in it.
fn cut_out(ink: &Plane<f32>) -> Plane<f32> {
    let is_ink = |value: &f32| *value >= FAINTEST_INK;
    let inked_rows: Vec<usize> = (0..ink.rows)
        .filter(|&row| ink.row(row).iter().any(is_ink))
        .collect();
    let inked_columns: Vec<usize> = (0..ink.columns)
        .filter(|&column| (0..ink.rows).any(|row| is_ink(&ink.row(row)[column])))
        .collect();
    let ends = |inked: &[usize]| match (inked.first(), inked.last()) {
        (Some(&first), Some(&last)) => first..last + 1,
        _ => 0..0,
    };
    let (rows, columns) = (ends(&inked_rows), ends(&inked_columns));
    Plane {
        rows: rows.len(),
        columns: columns.len(),
        values: rows
            .flat_map(|row| ink.row(row)[columns.clone()].iter().copied())
            .collect(),
    }
}

/// The digit, scaled so that its longer side is 20.
fn fitted(digit: &Plane<f32>) -> Plane<f32> {
    let longer = digit.rows.max(digit.columns).max(1) as f64;
    let scale = |side: usize| {
        let exact = side as f64 * BOX_SIDE as f64 / longer;
        (exact.round() as usize).clamp(1, BOX_SIDE)
    };
    let narrowed = resampled(digit, scale(digit.columns));
    let turned = resampled(&transposed(&narrowed), scale(digit.rows));
    transposed(&turned)
}

/// Every row with `columns` values: a triangle filter as wide as the step between values, so that
/// enlarging interpolates linearly and reducing averages over all that is there.
fn resampled(plane: &Plane<f32>, columns: usize) -> Plane<f32> {
    let step = plane.columns as f64 / columns as f64;
    let reach = step.max(1.0);
    let filters: Vec<(usize, Vec<f32>)> = (0..columns)
        .map(|column| {
            let centre = (column as f64 + 0.5) * step - 0.5;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor() as usize).min(plane.columns - 1);
            let weights = (first..=last).map(|at| 1.0 - (at as f64 - centre).abs() / reach);
            let weights: Vec<f64> = weights.collect();
            let sum: f64 = weights.iter().sum();
            let normed = weights.iter().map(|weight| (weight / sum) as f32);
            (first, normed.collect())
        })
        .collect();
    let mut values = Vec::with_capacity(plane.rows * columns);
    for row in 0..plane.rows {
        let from = plane.row(row);
        values.extend(filters.iter().map(|(first, weights)| {
            let seen = weights.iter().zip(&from[*first..]);
            seen.map(|(weight, value)| weight * value).sum::<f32>()
        }));
    }
    Plane {
        rows: plane.rows,
        columns,
        values,
    }
}

fn transposed(plane: &Plane<f32>) -> Plane<f32> {
    let values = (0..plane.columns)
        .flat_map(|column| (0..plane.rows).map(move |row| plane.row(row)[column]));
    Plane {
        rows: plane.columns,
        columns: plane.rows,
        values: values.collect(),
    }
}

/// The digit within 28x28, its centre of mass within half a pixel of (14, 14), as in MNIST's files.
fn centred(digit: &Plane<f32>) -> [u8; DIGIT_SIDE * DIGIT_SIDE] {
    let mut mass = 0.0;
    let mut moments = [0.0; 2];
    for row in 0..digit.rows {
        for (column, &value) in digit.row(row).iter().enumerate() {
            let value = f64::from(value);
            mass += value;
            moments[0] += value * row as f64;
            moments[1] += value * column as f64;
        }
    }
    let start = |moment: f64, side: usize| {
        let middle = DIGIT_SIDE as f64 / 2.0;
        let wanted = (middle - moment / mass).round();
        // A lopsided digit stays whole, as near to the middle as the image allows.
        wanted.clamp(0.0, (DIGIT_SIDE - side) as f64) as usize
    };
    let [top, left] = [
        start(moments[0], digit.rows),
        start(moments[1], digit.columns),
    ];
    let mut image = [0; DIGIT_SIDE * DIGIT_SIDE];
    for row in 0..digit.rows {
        for (column, value) in digit.row(row).iter().enumerate() {
            image[(top + row) * DIGIT_SIDE + left + column] = value.round() as u8;
        }
    }
    image
}

#[cfg(test)]
mod tests;
