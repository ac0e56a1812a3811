//! Streaming: feed a sequence as it arrives, in chunks of any length, and carry the state.
//!
//! ```text
//! cargo run --example streaming
//! ```

use burn::tensor::{Device, Distribution, Tensor};
use elman::Result;
use elman::cell::LstmCellConfig;
use elman::random::Seed;
use elman::unroll::{Stream, UnrollOptions, dynamic_rnn};

fn main() -> Result<()> {
    let (rows, features, units) = (2, 8, 32);
    let device = Device::flex();
    let cell = LstmCellConfig::new(features, units).init(Seed::new(42), &device);

    // What arrives: 100 time steps, a few at a time.
    let chunks: Vec<Tensor<3>> = [1, 7, 30, 1, 1, 60]
        .map(|time| Tensor::random([rows, time, features], Distribution::Default, &device))
        .into();

    let mut stream = Stream::new(&cell, rows);
    let mut outputs = Vec::new();
    for chunk in &chunks {
        outputs.push(stream.feed(chunk.clone())?);
    }
    let streamed = Tensor::cat(outputs, 1);
    assert_eq!(streamed.dims(), [rows, 100, units]);

    // Cutting a sequence changes nothing: these are the numbers of the whole, bit for bit.
    let whole = dynamic_rnn(&cell, Tensor::cat(chunks, 1), UnrollOptions::default())?;
    assert_eq!(streamed.into_data(), whole.outputs.into_data());
    let state = stream.state();
    assert_eq!(state.cell.into_data(), whole.state.cell.into_data());
    assert_eq!(state.hidden.into_data(), whole.state.hidden.into_data());
    println!("six chunks gave the same bits as one sequence of 100 steps");
    Ok(())
}

#[test]
fn it_runs() -> Result<()> {
    main()
}
