"""Do tunes that `elman generate` writes parse by an independent parser, music21?

    python docs/checks/abc.py RUN [--elman target/release/elman] [--count 10] [--first-seed 1]

Writes `count` tunes with the seeds from the first on, parses each, and prints what it found. A tune
counts when music21 reads it without an error and finds at least eight notes in it.
Exit status 1 when fewer than nine of ten count. Needs Python 3.10 or newer and `pip install music21==10.5.1`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

FEWEST_NOTES = 8


def write(elman, run, seed, folder):
    """The tune of a seed, and whether elman itself could make a MIDI file of it."""
    midi = Path(folder) / f"{seed}.mid"
    command = [elman, "generate", run, "--seed", str(seed), "--length", "2000", "--temperature", "0.8", "--midi", midi]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout, done.returncode == 0, done.stderr.strip()


def notes_of(text):
    """How many notes and chords music21 finds; an exception when it cannot parse."""
    from music21 import converter

    score = converter.parse(text, format="abc")
    return len(score.flatten().notes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--elman", default="target/release/elman")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    flags = parser.parse_args()
    sound = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(flags.first_seed, flags.first_seed + flags.count):
            text, has_midi, said = write(flags.elman, flags.run, seed, folder)
            title = next((line[2:] for line in text.splitlines() if line.startswith("T:")), "no title")
            try:
                notes = notes_of(text)
                problem = None if notes >= FEWEST_NOTES else f"only {notes} notes"
            except Exception as error:  # Whatever the parser raises is what is asked for.
                notes, problem = 0, f"{type(error).__name__}: {error}"
            midi = "MIDI written" if has_midi else f"no MIDI: {said}"
            print(f"seed {seed}: {title}: " + (problem or f"{notes} notes") + f"; {midi}")
            sound += problem is None
    print(f"{sound} of {flags.count} parse")
    return 0 if 10 * sound >= 9 * flags.count else 1


if __name__ == "__main__":
    sys.exit(main())
