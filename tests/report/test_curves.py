from support.figures import ENDED, HISTORY, STOPPED, overhang, texts

from digits.report.curves import best_epoch, curves_figure


def test_nothing_reaches_beyond_the_canvas():
    assert overhang(curves_figure(HISTORY, STOPPED)) <= 0


def test_curves_show_history_and_stop():
    figure = curves_figure(HISTORY, STOPPED)
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes] == [
        ("Epoch", "Cross-entropy loss"),
        ("Epoch", "Accuracy"),
    ]
    for axes, metric in zip(figure.axes, ("loss", "accuracy"), strict=True):
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines["training"].get_ydata()) == list(HISTORY[metric])
        assert list(lines["validation"].get_ydata()) == list(HISTORY[f"val_{metric}"])
        assert list(lines["stop after epoch 3"].get_xdata()) == [3, 3]
        assert ("threshold 0.98 of accuracy" in lines) == (metric == "accuracy")
        (best,) = axes.collections
        (place,) = best.get_offsets().tolist()
        assert place == [3, HISTORY[f"val_{metric}"][2]]
        assert best.get_label() == f"best validation: {'0.0300' if metric == 'loss' else '0.9900'}, epoch 3"
    assert STOPPED["reason"] in figure.get_suptitle()


def test_curves_without_a_stop_mark_none():
    figure = curves_figure(HISTORY.head(1), ENDED)
    assert overhang(figure) <= 0
    assert not any("stop" in text for text in texts(figure)) and "end after epoch 1" in texts(figure)
    assert "threshold 0.01 of val_loss" in texts(figure)
    assert ENDED["reason"] in figure.get_suptitle()


def test_the_first_of_equally_good_epochs_is_the_best():
    history = HISTORY.assign(val_accuracy=[0.9, 0.99, 0.99], val_loss=[0.05, 0.07, 0.05])
    assert best_epoch(history, "accuracy") == (2, 0.99) and best_epoch(history, "loss") == (1, 0.05)
