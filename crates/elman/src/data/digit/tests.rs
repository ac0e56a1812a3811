//! Pictures made here come out as digits; what is no picture has its own message.

use std::io::Write;

use png::{BitDepth, Encoder};
use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;
use crate::data::{ImageDataset, idx};

type Digit = [u8; DIGIT_SIDE * DIGIT_SIDE];

/// A PNG file of `[rows, columns]`, with `change` applied to the encoder.
fn file(
    [rows, columns]: [usize; 2],
    bytes: &[u8],
    change: impl FnOnce(&mut Encoder<'_, &mut Vec<u8>>),
) -> NamedTempFile {
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, columns as u32, rows as u32);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    change(&mut encoder);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(bytes).expect("pixels");
    writer.finish().expect("an end");
    stored(&png)
}

fn stored(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("written");
    file
}

fn read(file: &NamedTempFile) -> Digit {
    read_digit_pixels(file.path()).expect("a digit")
}

fn message(file: &NamedTempFile) -> String {
    let error = read_digit_pixels(file.path()).expect_err("no digit");
    assert!(error.is_data(), "{error:?}");
    error
        .to_string()
        .replace(&file.path().display().to_string(), "FILE")
}

fn mnist() -> ImageDataset {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist10k");
    idx::read_folder(folder, 10).expect("shipped data").test
}

/// `image` `[28, 28]`, enlarged by `factor`, within a frame of `margin` on the left and above.
fn enlarged(image: &[u8], factor: usize, margin: usize) -> (usize, Vec<u8>) {
    let side = DIGIT_SIDE * factor + margin;
    let mut pixels = vec![0; side * side];
    for row in margin..side {
        for column in margin..side {
            let at = (row - margin) / factor * DIGIT_SIDE + (column - margin) / factor;
            pixels[row * side + column] = image[at];
        }
    }
    (side, pixels)
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| u64::from(a.abs_diff(b)))
        .sum();
    sum as f64 / a.len() as f64
}

/// A vertical bar, dark on bright: rows 10 to 49, columns 30 to 39 of 60x60.
fn bar(row: usize, column: usize) -> bool {
    (10..50).contains(&row) && (30..40).contains(&column)
}

fn bar_bytes(pixel: impl Fn(bool) -> Vec<u8>) -> Vec<u8> {
    (0..60 * 60)
        .flat_map(|at| pixel(bar(at / 60, at % 60)))
        .collect()
}

#[test]
fn an_mnist_image_goes_through_unchanged() {
    let images = mnist();
    for index in 0..50 {
        let image = images.image(index);
        let picture = file([28, 28], image, |_| {});
        assert_eq!(read(&picture), image, "image {index}");
        let numbers = read_digit(picture.path()).expect("a digit");
        assert_eq!(numbers, images.inputs(&[index]), "image {index}");
        let colours: Vec<u8> = image.iter().flat_map(|&grey| [grey; 3]).collect();
        let picture = file([28, 28], &colours, |png| png.set_color(ColorType::Rgb));
        assert_eq!(read(&picture), image, "image {index}");
    }
}

#[test]
fn enlarged_shifted_inverted_mnist_images_come_back() {
    let images = mnist();
    let mut near = 0;
    for index in 0..50 {
        let image = images.image(index);
        let (side, mut pixels) = enlarged(image, 7, 90);
        for value in &mut pixels {
            *value = 255 - *value;
        }
        let found = read(&file([side, side], &pixels, |_| {}));
        let difference = mean_difference(&found, image);
        let shifted = mean_difference(&found[1..], &image[..image.len() - 1]);
        near += usize::from(difference < 7.0 && difference * 2.0 < shifted);
    }
    // Where the centre of mass lies half-way between two pixels, the smoothing of the enlarged
    // image may move it to the other side, and the digit by one pixel.
    assert!(near >= 48, "{near} of 50 are near, the mean pixel being 33");
}

#[test]
fn a_bar_fills_the_height_and_stands_in_the_middle() {
    let found = read(&file(
        [60, 60],
        &bar_bytes(|ink| vec![if ink { 20 } else { 230 }]),
        |_| {},
    ));
    let expected: Vec<u8> = (0..DIGIT_SIDE * DIGIT_SIDE)
        .map(|at| {
            let (row, column) = (at / DIGIT_SIDE, at % DIGIT_SIDE);
            // 40x10 becomes 20x5; centre of mass (9.5, 2) goes to (14, 14) as nearly as it can.
            if (5..25).contains(&row) && (12..17).contains(&column) {
                255
            } else {
                0
            }
        })
        .collect();
    assert_eq!(found.as_slice(), expected);
}

#[test]
fn every_colour_type_and_depth_shows_the_same_bar() {
    let expected = read(&file(
        [60, 60],
        &bar_bytes(|ink| vec![if ink { 0 } else { 255 }]),
        |_| {},
    ));
    let alike = |bytes: Vec<u8>, color, depth| {
        let picture = file([60, 60], &bytes, |png| {
            png.set_color(color);
            png.set_depth(depth);
            if color == ColorType::Indexed {
                png.set_palette(vec![255, 255, 255, 0, 0, 0]);
            }
        });
        assert_eq!(read(&picture), expected, "{color:?} {depth:?}");
    };
    let tone = |ink: bool| if ink { 0 } else { 255 };
    alike(
        bar_bytes(|ink| vec![tone(ink); 2]),
        ColorType::Grayscale,
        BitDepth::Sixteen,
    );
    alike(
        bar_bytes(|ink| vec![tone(ink); 3]),
        ColorType::Rgb,
        BitDepth::Eight,
    );
    alike(
        bar_bytes(|ink| vec![tone(ink); 6]),
        ColorType::Rgb,
        BitDepth::Sixteen,
    );
    alike(
        bar_bytes(|ink| vec![u8::from(ink)]),
        ColorType::Indexed,
        BitDepth::Eight,
    );
    // Black ink on nothing, on paper, and white ink on nothing.
    let ink_only = |tone: u8| move |ink: bool| vec![tone, if ink { 255 } else { 0 }];
    alike(
        bar_bytes(ink_only(0)),
        ColorType::GrayscaleAlpha,
        BitDepth::Eight,
    );
    alike(
        bar_bytes(ink_only(255)),
        ColorType::GrayscaleAlpha,
        BitDepth::Eight,
    );
    let rgba = |ink: bool| vec![tone(ink), tone(ink), tone(ink), 255];
    alike(bar_bytes(rgba), ColorType::Rgba, BitDepth::Eight);
    let half: Vec<u8> = (0..60 * 30)
        .map(|at| {
            let tone = |right| u8::from(!bar(at / 30, at % 30 * 2 + right));
            tone(0) * 0xf0 + tone(1) * 0x0f
        })
        .collect();
    alike(half, ColorType::Grayscale, BitDepth::Four);
}

#[test]
fn paper_with_a_hole_keeps_its_own_tone_there() {
    let mut bytes = bar_bytes(|ink| vec![if ink { 0 } else { 250 }, 255]);
    let expected = read(&file([60, 60], &bytes, |png| {
        png.set_color(ColorType::GrayscaleAlpha)
    }));
    bytes[5 * 120 + 10] = 0;
    bytes[5 * 120 + 11] = 0;
    assert_eq!(
        read(&file([60, 60], &bytes, |png| png
            .set_color(ColorType::GrayscaleAlpha))),
        expected
    );
}

#[test]
fn a_single_dot_is_a_digit_of_its_own() {
    let mut pixels = vec![0; 100 * 3];
    pixels[150] = 255;
    let found = read(&file([3, 100], &pixels, |_| {}));
    assert_eq!(found.iter().filter(|&&value| value == 255).count(), 400);
}

#[test]
fn blank_pictures() {
    assert_eq!(
        message(&file([40, 40], &[200; 1600], |_| {})),
        "FILE: the picture is blank: its grey values differ by 0; \
         give a digit that differs from its ground by at least 16 of 255"
    );
    assert!(message(&file([28, 28], &[3; 784], |_| {})).contains("the picture is blank"));
    let nothing = file([40, 40], &[0; 3200], |png| {
        png.set_color(ColorType::GrayscaleAlpha)
    });
    assert!(message(&nothing).contains("the picture is blank"));
}

#[test]
fn what_is_no_png() {
    assert_eq!(
        message(&stored(b"GIF89a, or so it says")),
        "FILE: this is no sound PNG file (Invalid PNG signature.); save the picture as PNG again"
    );
    assert!(message(&stored(b"")).contains("this is no sound PNG file"));
}

#[test]
fn a_truncated_or_damaged_png() {
    let whole = fs::read(
        file(
            [60, 60],
            &bar_bytes(|ink| vec![u8::from(ink) * 255]),
            |_| {},
        )
        .path(),
    )
    .expect("read");
    for length in [10, 30, whole.len() / 2, whole.len() - 20] {
        let message = message(&stored(&whole[..length]));
        assert!(
            message.contains("this is no sound PNG file"),
            "{length}: {message}"
        );
    }
    let mut damaged = whole.clone();
    damaged[20] ^= 1;
    assert!(message(&stored(&damaged)).contains("this is no sound PNG file"));
}

#[test]
fn a_picture_beyond_the_limits() {
    let wide = file([1, 16_385], &[0; 16_385], |_| {});
    assert_eq!(
        message(&wide),
        "FILE: the picture has 16385x1 pixels; \
         give at most 16384 on a side and 67108864 in all"
    );
    // A header alone that promises 16,384 x 16,384 pixels.
    let mut png = fs::read(file([1, 1], &[0], |_| {}).path()).expect("read");
    png[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let sum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(
        message(&stored(&png)),
        "FILE: the picture has 16384x16384 pixels; \
         give at most 16384 on a side and 67108864 in all"
    );
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn a_folder_or_nothing_where_a_picture_should_be() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let error = read_digit_pixels(folder.path()).expect_err("a folder");
    assert!(
        error.to_string().ends_with(
            ": expected a PNG file, found a folder, a pipe or a device; name a PNG file"
        ),
        "{error}"
    );
    let error = read_digit_pixels(folder.path().join("none.png")).expect_err("nothing");
    assert!(error.is_io(), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_small_picture_is_a_digit_or_an_error(
        size in (1_usize..40, 1_usize..40),
        color in prop::sample::select(vec![
            ColorType::Grayscale, ColorType::GrayscaleAlpha, ColorType::Rgb, ColorType::Rgba,
        ]),
        bytes in prop::collection::vec(any::<u8>(), 40 * 40 * 4),
        sparse in any::<bool>(),
    ) {
        let (rows, columns) = size;
        let mut bytes = bytes[..rows * columns * color.samples()].to_vec();
        if sparse {
            bytes.iter_mut().for_each(|byte| *byte = if *byte > 250 { *byte } else { 0 });
        }
        let picture = file([rows, columns], &bytes, |png| png.set_color(color));
        match read_digit_pixels(picture.path()) {
            Ok(digit) => prop_assert!(digit.iter().any(|&value| value > 0)),
            Err(error) => prop_assert!(error.is_data(), "{}", error),
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        position in 0_usize..2000,
        mask in 1_u8..,
        cut in 0_usize..2000,
    ) {
        let picture = file([60, 60], &bar_bytes(|ink| vec![u8::from(ink) * 255]), |_| {});
        let mut bytes = fs::read(picture.path()).expect("read");
        let position = position % bytes.len();
        bytes[position] ^= mask;
        bytes.truncate(bytes.len() - cut % bytes.len());
        let _ = read_digit_pixels(stored(&bytes).path());
    }
}
