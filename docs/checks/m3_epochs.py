"""After how many epochs is the M3 recipe best, on parts that are held out of training?

    python docs/checks/m3_epochs.py [--elman target/release/elman] [--epochs 16]

For each frequency, the series that are long enough to hold a second horizon out before the official test part are learnt
by `recipes/m3.toml` with that part as validation; prints the loss on it after every epoch and where it is lowest. The
official test parts are not looked at. Needs Python 3.9 or newer, nothing else.
"""

import argparse
import csv
import gzip
import json
import subprocess
import tempfile
from pathlib import Path

# The steps of a window and of the horizon.
FREQUENCIES = {"YEARLY": (6, 6), "QUARTERLY": (8, 8), "MONTHLY": (24, 18), "OTHER": (8, 8)}


def losses(elman, lines, horizon, epochs, folder):
    data, run = Path(folder) / "series.jsonl", Path(folder) / "run"
    data.write_text("".join(lines))
    settings = [f"forecast.valid={horizon}", f"train.epochs={epochs}"]
    command = [elman, "fit", "recipes/m3.toml", "--data", data, "--out", run, "--quiet"]
    for setting in settings:
        command += ["--set", setting]
    subprocess.run(command, check=True, capture_output=True)
    with open(run / "metrics.csv", newline="") as table:
        return [float(row["valid_loss"]) for row in csv.DictReader(table)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elman", default="target/release/elman")
    parser.add_argument("--epochs", type=int, default=16)
    flags = parser.parse_args()
    with gzip.open("data/series/m3.jsonl.gz", "rt") as lines:
        series = [(json.loads(line), line) for line in lines]
    for period, (window, horizon) in FREQUENCIES.items():
        least = window + 3 * horizon
        chosen = [line for it, line in series if it["period"] == period and len(it["x"]) + len(it["xx"]) >= least]
        with tempfile.TemporaryDirectory() as folder:
            found = losses(flags.elman, chosen, horizon, flags.epochs, folder)
        best = min(range(len(found)), key=found.__getitem__)
        shown = " ".join(f"{loss:.4f}" for loss in found)
        print(f"{period.lower()}, {len(chosen)} series: lowest after {best + 1} epochs: {shown}")


if __name__ == "__main__":
    main()
