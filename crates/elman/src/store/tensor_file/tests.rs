use super::*;

fn file() -> TensorFile {
    let tensors = [
        (
            "model.a",
            TensorData::new(vec![1.0_f32, -2.5, 1e-40], [3, 1]),
        ),
        ("model.b", TensorData::new(vec![0.1_f64, 2.0], [2])),
    ];
    TensorFile {
        kind: FileKind::Checkpoint,
        facts: [("position", "step = 3\nword = \"checksum\":\"")]
            .map(|(name, fact)| (name.to_owned(), fact.to_owned()))
            .into(),
        tensors: tensors.map(|(name, data)| (name.to_owned(), data)).into(),
    }
}

fn read(bytes: &[u8]) -> Result<TensorFile> {
    TensorFile::from_bytes(FileKind::Checkpoint, Path::new("some.safetensors"), bytes)
}

/// `file()` as bytes with `from` in its header replaced by as long a `to`, and a right checksum.
fn forged(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = file().to_bytes().expect("sound");
    let place = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .expect("the header has it");
    bytes[place..][..to.len()].copy_from_slice(to.as_bytes());
    sign(&mut bytes);
    bytes
}

fn sign(bytes: &mut [u8]) {
    let place = checksum_place(bytes).expect("a checksum");
    bytes[place..][..BLANK.len()].copy_from_slice(BLANK.as_bytes());
    let checksum = blake3::hash(bytes).to_hex();
    bytes[place..][..BLANK.len()].copy_from_slice(checksum.as_bytes());
}

#[test]
fn what_is_written_is_read_and_the_same_content_gives_the_same_bytes() {
    let bytes = file().to_bytes().expect("sound");
    assert_eq!(bytes, file().to_bytes().expect("sound"));
    assert_eq!(read(&bytes).expect("whole"), file());
    let plain = SafeTensors::deserialize(&bytes).expect("any reader of the format reads it");
    assert_eq!(plain.names().len(), 2);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let sound = file().to_bytes().expect("sound");
    for index in 0..sound.len() {
        for bit in 0..8 {
            let mut bytes = sound.clone();
            bytes[index] ^= 1 << bit;
            let error = read(&bytes).expect_err("a flipped bit");
            assert!(error.is_damaged(), "byte {index}, bit {bit}: {error}");
        }
    }
}

#[test]
fn every_cut_is_damage() {
    let sound = file().to_bytes().expect("sound");
    for length in 0..sound.len() {
        let error = read(&sound[..length]).expect_err("cut");
        assert!(error.is_damaged(), "{length} bytes: {error}");
    }
}

#[test]
fn a_changed_number_is_named_as_damage() {
    let mut bytes = file().to_bytes().expect("sound");
    *bytes.last_mut().expect("not empty") ^= 1;
    let error = read(&bytes).expect_err("changed");
    assert!(error.is_damaged());
    assert!(
        error
            .to_string()
            .starts_with("some.safetensors: damaged: its content does not match its checksum"),
        "{error}"
    );
}

#[test]
fn a_newer_format_is_refused_and_is_no_damage() {
    let error = read(&forged(
        "\"format_version\":\"1\"",
        "\"format_version\":\"2\"",
    ))
    .expect_err("from the future");
    assert!(!error.is_damaged());
    assert!(error.to_string().contains("format version 2"), "{error}");
}

#[test]
fn another_kind_is_refused() {
    let bytes = file().to_bytes().expect("sound");
    let error = TensorFile::from_bytes(FileKind::Model, Path::new("x"), &bytes)
        .expect_err("a checkpoint is no model");
    assert_eq!(
        error.to_string(),
        "x: expected format elman.model, found elman.checkpoint; \
         give the right file of the run folder"
    );
}

#[test]
fn another_number_type_is_refused() {
    let error = read(&forged("\"dtype\":\"F32\"", "\"dtype\":\"I32\"")).expect_err("integers");
    assert_eq!(
        error.to_string(),
        "some.safetensors: tensor model.a is of type I32; elman's models are in F32 or F64"
    );
}

#[test]
fn a_foreign_file_is_refused() {
    let data: Vec<(&str, safetensors::tensor::TensorView<'_>)> = Vec::new();
    let bytes = safetensors::serialize(data, None).expect("an empty file");
    let error = read(&bytes).expect_err("not ours");
    assert!(error.to_string().contains("it has no checksum"), "{error}");
}

#[test]
fn numbers_that_are_not_finite_are_neither_written_nor_read() {
    let mut bytes = file().to_bytes().expect("sound");
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    sign(&mut bytes);
    let error = read(&bytes).expect_err("NaN");
    assert!(
        error
            .to_string()
            .contains("element 2 of tensor model.a is not finite"),
        "{error}"
    );
    let mut file = file();
    let data = TensorData::new(vec![f64::INFINITY], [1]);
    file.tensors.insert("model.c".to_owned(), data);
    let error = file.to_bytes().expect_err("infinite");
    assert!(error.to_string().contains("tensor model.c"), "{error}");
}
