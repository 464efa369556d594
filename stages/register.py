"""Stage register: put the model into the MLflow registry if it passes the gates.

A model that a gate refuses does not fail the pipeline: an experiment that came out worse is a result as well.
Run by DVC as `python -m stages.register`.
"""

from digits import layout, tracking
from digits.errors import one_line_errors
from digits.files import read_json, write_json
from digits.gates import absolute_gates, print_gates
from digits.params import load_params
from digits.promotion import register_run
from digits.registry import Registry
from digits.sync import record


def main() -> None:
    """Read section `register` of params.yaml, the model and its metrics; write the outcome of the gates."""
    with one_line_errors("register"):
        params = load_params()
        metrics = read_json(layout.METRICS)["test"]
        client = tracking.connect()
        registry = Registry(client, params.register_.model_name)
        outcome = register_run(client, registry, record(client, params), params.register_)
        print_gates(outcome.gates, "Gates of registration")
        print(f"register: {outcome}")
        # Time varies from run to run, so the file that DVC tracks leaves it out.
        size_mb = layout.MODEL.stat().st_size / 1e6
        gates = absolute_gates(metrics, size_mb, 0.0, params.register_.gates)[:-1]
        write_json(layout.GATES, {gate.name: gate.passed for gate in gates})


if __name__ == "__main__":
    main()
