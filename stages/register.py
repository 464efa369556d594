"""Stage register: put the model into the MLflow registry if it passes the gates.

A model that a gate refuses does not fail the pipeline: an experiment that came out worse is a result as well.
"""

from digits import paths
from digits.files import write_json
from digits.params import Params
from digits.registry.gates import Evidence, check, print_gates
from digits.registry.register import register
from digits.registry.sync import record_model
from digits.registry.versions import Registry
from digits.results import working_copy
from digits.tracking import store


def main(params: Params) -> None:
    """Read section `register`, the model and its metrics; write the outcome of the gates."""
    registry = Registry(store.connect(), params.register_.model_name, params.register_.candidates_name)
    outcome = register(registry, record_model(registry, params), params.register_)
    print_gates(outcome.gates, "Gates of registration")
    print(f"register: {outcome}")
    evidence = Evidence(working_copy(), paths.MODEL.stat().st_size / 1e6)
    # DVC tracks the file, so it has no finding that varies from run to run.
    gates = check(evidence, params.register_, repeatable_only=True)
    write_json(paths.GATES, {gate.name: gate.passed for gate in gates})
