"""The seed's notebook as a script, with Keras' defaults: import, load, train until the callback stops, test.

It knows nothing of this project: `python notebook.py MNIST.NPZ [EPOCHS]` is what `dvc repro` is measured against.
"""

import sys

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

with np.load(sys.argv[1]) as archive:
    x_train, y_train, x_test, y_test = (archive[name] for name in ("x_train", "y_train", "x_test", "y_test"))
x_train, x_test = (x[..., np.newaxis].astype("float32") / 255 for x in (x_train, x_test))
y_train, y_test = (keras.utils.to_categorical(y, 10) for y in (y_train, y_test))


class StopAtThreshold(keras.callbacks.Callback):
    """Stops once the training accuracy is above 98 %."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Look at the accuracy."""
        if logs["accuracy"] > 0.98:
            self.model.stop_training = True


model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 15
fitted = model.fit(x_train, y_train, epochs=epochs, validation_split=0.3, callbacks=[StopAtThreshold()], verbose=2)
_, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"{len(fitted.epoch)} epochs, test accuracy {accuracy:.4f}")
