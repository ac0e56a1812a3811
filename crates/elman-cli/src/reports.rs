//! The commands that report: `recipes`, `evaluate`, `predict`, `inspect`.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use elman::recipe::Recipe;
use elman::task::Trained;
use serde_json::json;

use crate::Done;
use crate::arguments::{EvaluateFlags, InspectFlags, JsonFlag, PredictFlags};
use crate::output;

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
    let evaluation = trained.evaluate(flags.data.as_deref())?;
    let confusion = &evaluation.confusion;
    let classes = confusion.classes();
    let row = |class| (0..classes).map(move |taken| confusion.count(class, taken));
    if flags.json.json {
        let rows: Vec<Vec<u64>> = (0..classes).map(|class| row(class).collect()).collect();
        return output::json(&[json!({
            "accuracy": confusion.accuracy(),
            "loss_nats": evaluation.loss_nats,
            "count": confusion.total(),
            "confusion": rows,
        })]);
    }
    let mut header = vec!["is \\ taken for".to_owned()];
    header.extend((0..classes).map(|class| class.to_string()));
    let mut table = table(header);
    for class in 0..classes {
        let mut cells = vec![class.to_string()];
        cells.extend(row(class).map(|count| count.to_string()));
        table.add_row(cells);
    }
    align_right(&mut table);
    output::results(&format!(
        "accuracy  {:.4}\nloss      {:.4} nats\ncount     {}\n\n{table}",
        confusion.accuracy(),
        evaluation.loss_nats,
        confusion.total(),
    ))
}

pub(crate) fn predict(flags: &PredictFlags) -> Done {
    let trained = Trained::load(&flags.run)?;
    let mut objects = Vec::new();
    let mut table = table(["image", "class", "probability", "all classes"]);
    for path in &flags.images {
        let probabilities = trained.predict(path)?;
        let (class, probability) = probabilities
            .iter()
            .copied()
            .enumerate()
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .expect("a classifier has classes");
        let all: Vec<String> = probabilities.iter().map(|p| format!("{p:.3}")).collect();
        table.add_row([
            path.display().to_string(),
            class.to_string(),
            format!("{probability:.4}"),
            all.join(" "),
        ]);
        objects.push(json!({"image": path, "class": class, "probabilities": probabilities}));
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
            "image": trained.image,
            "classes": trained.model.classes(),
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
    let [time, features] = trained.image;
    output::results(&format!(
        "{} over {time} steps of {features} features, {} classes\n\
         trained for {} steps, {} whole epochs\n\n{table}\n\n{settings}",
        network.join(", "),
        trained.model.classes(),
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
