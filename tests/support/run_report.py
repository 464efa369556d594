"""The report of a run, made up."""

from support.models import BETTER, FIRST

from digits.evaluation.comparison import compare
from digits.registry.gates import Gate
from digits.report.run_facts import RunFacts, Setting, Standing

GOOD = Gate("Macro F1", "0.9074", "at least 0.7500", True, 0.9074, 0.75)
BAD = Gate("Size <", "30 MB", "at most 20 MB", False, 30, 20)
FACTS = RunFacts(
    name="digits version 2",
    accuracy="99.07 %",
    summary=[("Test accuracy", "99.07 %")],
    data=[("Classes", "cat, dog")],
    training=[("Ended", "enough")],
    weakest=["cat"],
    calibration=[("Expected calibration error", "0.0100")],
    robustness=[("unchanged", "100.0 %", "34.0 to 100.0 %", "2")],
    settings=[Setting("train.epochs", "2", "15"), Setting("train.seed", "42", None)],
    lineage=[("Git commit", "123")],
    standing=Standing("the champion, version 1", [GOOD, BAD], compare([FIRST, BETTER])),
    left_out=["The lineage: gone"],
)
