"""What a search found, for people: its page, and the parameters that mattered."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console

from digits.experiments.progress import BROKEN, STOPPED, Progress
from digits.experiments.results import print_recipes, recipes_of
from digits.experiments.search import Outcome
from digits.experiments.space import Space
from digits.report.search_page import TrialRow, search_page

# Fewer trainings say nothing about importance.
_FEWEST = 8
_WIDTH = 100


def page_of(name: str, outcome: Outcome, space: Space, significance: float) -> str:
    """The page of a search as HTML.

    Args:
        name: of the search.
        outcome: of it.
        space: what varied.
        significance: as for `recipes_of`.
    """
    told = _telling(outcome.trials)
    rows = [
        TrialRow(
            number=one.number,
            settings=space.values(one.settings),
            accuracy=one.accuracy,
            seconds=one.seconds,
            epochs=len(one.epochs),
            status=one.status,
            is_stopped=one.status == STOPPED,
        )
        for one in told
    ]
    text = io.StringIO()
    print_recipes(recipes_of(outcome.finalists, significance), significance, Console(file=text, width=_WIDTH))
    return search_page(name, rows, importance(told, space), space.log_keys(), text.getvalue())


def importance(trials: Sequence[Progress], space: Space) -> dict[str, float]:
    """The share of each parameter in the differences of accuracy; empty where too few trainings tell.

    Source: F. Hutter, H. Hoos, K. Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML
    2014, as Optuna has it.
    """
    import optuna

    if len(trials) < _FEWEST or len({one.accuracy for one in trials}) == 1:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for one in trials:
        study.add_trial(
            optuna.trial.create_trial(
                params=space.values(one.settings), distributions=space.distributions(), value=one.accuracy
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _telling(trials: Sequence[Progress]) -> list[Progress]:
    return [one for one in trials if one.epochs and one.status != BROKEN]
