//! The commands that report: `recipes`, `evaluate`, `predict`, `inspect`.

use std::path::Path;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use elman::metric::{ConfusionMatrix, written};
use elman::recipe::{DataSettings, Recipe};
use elman::task::{
    Evaluation, Interface, MusicWorth, NamedPrediction, Prediction, TextWorth, Trained,
};
use serde_json::json;

use crate::Done;
use crate::arguments::{EvaluateFlags, InspectFlags, JsonFlag, PredictFlags};
use crate::{backtest, output};

pub(crate) fn recipes(flags: &JsonFlag) -> Done {
    let shipped = Recipe::shipped();
    if flags.json {
        let objects: Vec<_> = shipped
            .iter()
            .map(|recipe| json!({"name": recipe.name, "title": recipe.title}))
            .collect();
        return output::json(&objects);
    }
    let mut table = table(["recipe", "what it is"]);
    for recipe in shipped {
        table.add_row([recipe.name, recipe.title]);
    }
    output::results(&table.to_string())
}

pub(crate) fn evaluate(flags: &EvaluateFlags) -> Done {
    let trained = Trained::load(&flags.run)?;
    match trained.evaluate(flags.data.as_deref())? {
        Evaluation::Classes {
            loss_nats,
            confusion,
        } => evaluated_classes(&trained, loss_nats, &confusion, flags.json.json),
        Evaluation::Numbers {
            mse,
            mae,
            correlation,
            count,
        } => {
            if flags.json.json {
                return output::json(&[json!({
                    "mse": mse,
                    "mae": mae,
                    "correlation": correlation,
                    "count": count,
                })]);
            }
            let correlation = match correlation {
                Some(r) => format!("{r:.4}"),
                None => "none: the answers or the targets never vary".to_owned(),
            };
            output::results(&format!(
                "mean squared error   {}\n\
                 mean absolute error  {}\n\
                 correlation          {correlation}\n\
                 count                {count}",
                written(mse, 6),
                written(mae, 6),
            ))
        }
        Evaluation::Tokens(worth) => evaluated_text(&worth, flags.json.json),
        Evaluation::Music(worth) => evaluated_music(&worth, flags.json.json),
        Evaluation::Forecasts(report) => backtest::print(&report, flags.json.json),
    }
}

fn evaluated_text(worth: &TextWorth, as_json: bool) -> Done {
    let (nats, bits) = (worth.nats_per_token(), worth.bits_per_character());
    let TextWorth {
        nats: _,
        tokens,
        characters,
        unknown,
    } = worth;
    if as_json {
        return output::json(&[json!({
            "nats_per_token": nats,
            "bits_per_character": bits,
            "perplexity": worth.perplexity(),
            "tokens": tokens,
            "characters": characters,
            "unknown": unknown,
        })]);
    }
    output::results(&format!(
        "loss        {} nats per token\n\
         cost        {} bits per character\n\
         perplexity  {}\n\
         text        {tokens} tokens, {characters} characters, {unknown} unknown",
        written(nats, 4),
        written(bits, 4),
        written(worth.perplexity(), 3)
    ))
}

fn evaluated_music(worth: &MusicWorth, as_json: bool) -> Done {
    let MusicWorth {
        nats_per_step,
        accuracy,
        steps,
        pieces,
    } = worth;
    if as_json {
        return output::json(&[json!({
            "nats_per_step": nats_per_step,
            "key_accuracy": accuracy,
            "steps": steps,
            "pieces": pieces,
        })]);
    }
    output::results(&format!(
        "loss      {} nats per step\n\
         accuracy  {accuracy:.4} of the keys\n\
         music     {steps} steps of {pieces} pieces",
        written(*nats_per_step, 4)
    ))
}

fn evaluated_classes(
    trained: &Trained,
    loss_nats: f64,
    confusion: &ConfusionMatrix,
    as_json: bool,
) -> Done {
    let classes = confusion.classes();
    let row = |class| (0..classes).map(move |taken| confusion.count(class, taken));
    if as_json {
        let rows: Vec<Vec<u64>> = (0..classes).map(|class| row(class).collect()).collect();
        return output::json(&[json!({
            "accuracy": confusion.accuracy(),
            "loss_nats": loss_nats,
            "count": confusion.total(),
            "confusion": rows,
        })]);
    }
    let mut header = vec!["is \\ taken for".to_owned()];
    header.extend((0..classes).map(|class| trained.class_name(class)));
    let mut table = table(header);
    for class in 0..classes {
        let mut cells = vec![trained.class_name(class)];
        cells.extend(row(class).map(|count| count.to_string()));
        table.add_row(cells);
    }
    align_right(&mut table);
    output::results(&format!(
        "accuracy  {:.4}\nloss      {} nats\ncount     {}\n\n{table}",
        confusion.accuracy(),
        written(loss_nats, 4),
        confusion.total(),
    ))
}

pub(crate) fn predict(flags: &PredictFlags) -> Done {
    let trained = Trained::load(&flags.run)?;
    let noun = trained.input_noun();
    let mut objects = Vec::new();
    let answers = match trained.interface().answer {
        ("classes", classes) => {
            let names: Vec<String> = (0..classes).map(|it| trained.class_name(it)).collect();
            vec!["class".into(), "probability".into(), names.join(" / ")]
        }
        _ => vec!["answer".to_owned()],
    };
    // Where one input is a file of many, an answer's name counts within its file.
    let in_files = trained.inputs_are_files_of_many();
    let named_by_file = in_files && flags.inputs.len() > 1;
    let reads_texts = matches!(trained.recipe.data, DataSettings::LabelledText(_));
    let mut header = vec![noun.to_owned()];
    if named_by_file {
        header.insert(0, "file".to_owned());
    }
    header.extend(answers);
    let mut table = table(header);
    let mut predictions = Vec::new();
    for input in &flags.inputs {
        let file = input.to_string_lossy();
        if reads_texts && Path::new(input).is_file() {
            output::talk(&format!(
                "elman: note: `{file}` is judged as a text, not as the file of this name; `elman evaluate {} \
                 --data {file}` judges the texts of a file, which stand there with their answers",
                flags.run.display()
            ));
        }
        let of_input = trained.predict(input)?.into_iter();
        predictions.extend(of_input.map(|prediction| (file.clone(), prediction)));
    }
    for (file, NamedPrediction { name, prediction }) in predictions {
        let mut row = vec![name.clone()];
        if named_by_file {
            row.insert(0, file.to_string());
        }
        let mut object = json!({noun: name});
        if in_files {
            object["file"] = json!(file);
        }
        match prediction {
            Prediction::Classes(probabilities) => {
                let (class, probability) = probabilities
                    .iter()
                    .copied()
                    .enumerate()
                    .max_by(|(_, one), (_, other)| one.total_cmp(other))
                    .expect("a classifier has classes");
                let all: Vec<String> = probabilities.iter().map(|p| format!("{p:.3}")).collect();
                let class_name = trained.class_name(class);
                row.extend([
                    class_name.clone(),
                    format!("{probability:.4}"),
                    all.join(" "),
                ]);
                object["class"] = json!(class);
                object["name"] = json!(class_name);
                object["probabilities"] = json!(probabilities);
            }
            Prediction::Numbers(numbers) => {
                let all: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                row.push(all.join(" "));
                object["answer"] = json!(numbers);
            }
        }
        table.add_row(row);
        objects.push(object);
    }
    if flags.json.json {
        output::json(&objects)
    } else {
        output::results(&table.to_string())
    }
}

pub(crate) fn inspect(flags: &InspectFlags) -> Done {
    let trained = Trained::load(&flags.run)?;
    let layers = trained.layers();
    let parameters: usize = layers.iter().map(|layer| layer.parameters).sum();
    let network = trained.network();
    let settings = trained.recipe.to_toml();
    let Interface {
        time,
        features,
        answer,
    } = trained.interface();
    if flags.json.json {
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| {
                json!({
                    "name": layer.name,
                    "shape": layer.shape,
                    "parameters": layer.parameters,
                })
            })
            .collect();
        return output::json(&[json!({
            "network": network,
            "time": time,
            "features": features,
            answer.0: answer.1,
            "parameters": parameters,
            "layers": layers,
            "finished_epochs": trained.finished_epochs,
            "step": trained.step,
            "recipe": settings,
        })]);
    }
    let mut table = table(["parameter", "shape", "numbers"]);
    for layer in layers {
        table.add_row([
            layer.name,
            format!("{:?}", layer.shape),
            layer.parameters.to_string(),
        ]);
    }
    table.add_row(["all".to_owned(), String::new(), parameters.to_string()]);
    let steps = match time {
        Some(time) => format!("{time} steps"),
        None => "any number of steps".to_owned(),
    };
    let layers = network.iter().enumerate();
    let layers: Vec<String> = layers
        .map(|(index, layer)| format!("layer {index}: {layer}"))
        .collect();
    output::results(&format!(
        "{steps} of {features} features, {} {}\n{}\n\
         trained for {} steps, {} whole epochs\n\n{table}\n\n{settings}",
        answer.1,
        answer.0,
        layers.join("\n"),
        trained.step,
        trained.finished_epochs,
    ))
}

pub(crate) fn table<T: Into<comfy_table::Row>>(header: T) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table
}

pub(crate) fn align_right(table: &mut Table) {
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
}
