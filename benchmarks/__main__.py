"""The list of benchmarks: `python -m benchmarks NAME [options]`."""

import importlib
import sys

from digits.program import one_line_errors

# In the order in which `all` runs them.
BENCHMARKS = {
    "predict": "`digits predict` as a whole process; one image in process; what imports cost",
    "serving": "one image over HTTP, against a bare echo of the same request",
    "recording": "how much slower an answer is with `--log`, and with `--shadow`",
    "pipeline": "`dvc repro -f` against the notebook's script; seconds, memory and floor of each stage",
    "recipes": "accuracy and time of each recipe over several seeds",
    "operations": "where the time of a training step goes, by kind of operation",
    "rivals": "published recipes of others, trained here: seconds and accuracy over several seeds",
    "growth": "seconds and memory of each stage with 1, 4, 16 and 64 times the data",
    "photos": "how many generated photos of handwriting are read rightly",
    "refusal": "how much of what is no digit is read surely: letters, signs, scribbles",
    "monitor": "how often the monitor raises an alarm, on healthy images and on changed ones",
    "promotion": "how often the promotion gates are right, on simulated models",
    "team": "a team's tracking server: 50 clients at once, 10,000 runs; in the environment of `make test-scale`",
    "sweep": "32 trainings in DVC's queue and on a Ray cluster; in the environment of `make test-scale`",
    "shards": "64 times the data in one process, on one node and on two; in the environment of `make test-scale`",
    "parallel": "two workers against one: accuracy and seconds; in the environment of `make test-scale`",
}
# They need more than requirements.lock: `all` leaves them out.
APART = {"team", "sweep", "shards", "parallel"}
OTHERS = {
    "all": "every one of these, in this order; --quick for a trial",
    "check": "ratios alone, against their limits, in less than two minutes",
    "tables": "bring the records of docs/performance/ into docs/performance.md",
}


def main() -> None:
    """Run the benchmark that the command line names, or list them."""
    name, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if name not in BENCHMARKS | OTHERS:
        lines = (f"  {key:10} {line}" for key, line in (BENCHMARKS | OTHERS).items())
        print("usage: python -m benchmarks NAME [options]", *lines, sep="\n", file=sys.stderr)
        sys.exit(0 if name in ("-h", "--help") else 2)
    with one_line_errors(f"benchmark {name}"):
        for one in [one for one in BENCHMARKS if one not in APART] if name == "all" else [name]:
            if name == "all":
                print(f"\n=== {one}: {BENCHMARKS[one]}", flush=True)
            importlib.import_module(f"benchmarks.{one}").main(arguments)


if __name__ == "__main__":
    main()
