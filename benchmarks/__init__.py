"""What measures this project: `python -m benchmarks NAME`; without a name it lists them.

A benchmark is a module with `main(arguments)`, one file each, listed in `__main__.py`. It writes a record as
docs/performance/NAME.json (`record.py`), of which `tables.py` makes the tables of docs/performance.md. `process.py`
runs and measures commands, `project.py` makes working copies to run them in, `summary.py` sums up, `machine.py` says
what hardware and versions were there.
"""
