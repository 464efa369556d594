"""The trainings of a search in the terminal."""

import io

from rich.console import Console

from digits.experiments.live import LiveTable, line_of, table_of, words_of
from digits.experiments.progress import BROKEN, FINISHED, RUNNING, STOPPED, Progress


def trial(number, status, accuracy, reason=""):
    epochs = [{"epoch": 1, "seconds": 12.3, "val_accuracy": accuracy}]
    settings = {"train.learning_rate": "0.0028063", "train.batch_size": "16", "train.optimizer": "adam"}
    return Progress(f"t{number}", number, settings, epochs, status, reason)


TRIALS = [trial(1, FINISHED, 0.9312), trial(2, STOPPED, 0.41), trial(3, BROKEN, 0.2, "the loss is no number")]


def shown(renderable, width=100):
    out = io.StringIO()
    Console(file=out, width=width).print(renderable)
    return out.getvalue()


def test_the_best_come_first():
    text = shown(table_of(TRIALS[::-1]), width=140)
    assert "1 failed, 1 stopped early, 1 finished" in text
    assert text.index("93.12") < text.index("41.00") < text.index("failed", text.index("41.00"))
    assert "learning_rate=0.002806, batch_size=16, optimizer=adam" in text


def test_many_trainings_are_not_all_shown():
    text = shown(table_of([trial(number, RUNNING, 0.5) for number in range(40)]))
    assert "the best 15 of 40" in text
    assert "starting" in shown(table_of([]))


def test_a_line_says_what_became_of_it():
    assert line_of(TRIALS[0]).startswith("1: finished, validation accuracy 93.12 %, learning_rate=0.002806")
    assert line_of(TRIALS[1]).startswith("2: stopped early after epoch 1, ")
    assert line_of(TRIALS[2]).endswith(": the loss is no number")
    assert words_of(Progress("t", 1, {}, [], RUNNING)) == "as it is"


def test_without_a_terminal_each_end_is_told_once():
    out = io.StringIO()
    with LiveTable(Console(file=out, width=80)) as table:
        table.show([trial(1, RUNNING, 0.5)])
        table.show(TRIALS[:1])
        table.show(TRIALS[:2])
    assert [line[:10] for line in out.getvalue().splitlines()] == ["1: finishe", "2: stopped"]


def test_on_a_terminal_the_table_stays():
    out = io.StringIO()
    with LiveTable(Console(file=out, width=80, force_terminal=True)) as table:
        table.show(TRIALS)
    assert "93.12" in out.getvalue()
