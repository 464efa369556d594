"""Run a stage: `python -m stages NAME`, as dvc.yaml does.

The frame of every stage stands here: the right Python, valid parameters, one line for an error. Until the version is
checked the syntax is plain, because `.venv/bin/dvc repro` without activation starts whatever `python` is first on PATH,
perhaps Python 2.
"""

import os
import sys


def _refuse_other_python():  # type: ignore[no-untyped-def]
    root, _, copy = os.getcwd().partition(os.path.join(os.sep, ".dvc", "tmp", "exps", ""))
    # A copy of DVC's has no environment: that is in the main working copy, perhaps in the same sub-folder of it.
    below = copy.split(os.sep)
    folders = [os.path.join(root, *below[start:]) for start in range(len(below) + 1)]
    venv = next((v for v in (os.path.join(f, ".venv") for f in folders) if os.path.isdir(v)), None)
    # An environment that somebody activated (`mlflow run` does) is meant. The python that PATH happens to have is not.
    activated = [os.environ.get("VIRTUAL_ENV"), os.environ.get("CONDA_PREFIX"), venv]
    prefixes = [os.path.realpath(folder) for folder in activated if folder]
    if venv and os.path.realpath(sys.prefix) not in prefixes:
        sys.exit(
            "digits: this is %s, not the project's Python: run `source .venv/bin/activate` first, or `make repro`."
            % sys.executable
        )
    if sys.version_info < (3, 11):
        sys.exit("digits: Python 3.11 or newer is needed, this is %s: run `make repro`." % sys.executable)


def _refuse_other_code(package):  # type: ignore[no-untyped-def]
    """Refuse a package of another folder: with PYTHONSAFEPATH, Python finds the one of the checkout that was set up."""
    here, there = os.path.realpath(os.getcwd()), os.path.dirname(os.path.realpath(package.__path__[0]))
    if there == here:
        return
    if not os.path.isdir(os.path.join(here, package.__name__)):
        way_out = "run it in the project's folder"
    elif os.environ.get("PYTHONSAFEPATH"):
        way_out = "`unset PYTHONSAFEPATH` first"
    else:
        way_out = "start Python without -P"
    sys.exit("digits: the code of %s would run, not that of %s: %s" % (there, here, way_out))


def main():  # type: ignore[no-untyped-def]
    """Run the stage that the command line names."""
    _refuse_other_python()
    try:
        import digits
        import stages

        _refuse_other_code(stages)
        _refuse_other_code(digits)
        from digits.params import load_params
        from digits.program import one_line_errors, refuse_twin
    except ImportError as error:
        sys.exit("digits: %s has not what the pipeline needs (%s): run `make repro`." % (sys.executable, error))
    import importlib
    from pathlib import Path

    names = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    if sys.argv[1:] not in [[name] for name in names]:
        print("usage: python -m stages {" + ",".join(names) + "}", file=sys.stderr)
        sys.exit(2)
    name = sys.argv[1]
    with one_line_errors(name):
        # Stages import libraries that take seconds: a wrong key in params.yaml is refused before.
        params = load_params()
        refuse_twin("-m", "stages", name)
        importlib.import_module("stages." + name).main(params)


if __name__ == "__main__":
    main()
