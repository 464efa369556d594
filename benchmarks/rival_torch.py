"""PyTorch's example for MNIST on a CPU: `python rival_torch.py NAME MNIST.NPZ EPOCHS SEED...`, as rival_keras.py.

After github.com/pytorch/examples, mnist/main.py: 14 epochs, batches of 64, Adadelta with rate 1, times 0.7 an epoch.
The images are tensors in memory; the example's loader decodes each of them anew.
"""

import json
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def network() -> nn.Module:
    """The example's network, from pixels 0 to 255 to log-probabilities."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
        nn.LogSoftmax(dim=1),
    )


def images(pixels: np.ndarray) -> torch.Tensor:
    """float32 (n, 1, 28, 28), standardised with the mean and deviation of MNIST."""
    return ((torch.from_numpy(pixels).float() / 255 - 0.1307) / 0.3081)[:, None]


def train(x: torch.Tensor, y: torch.Tensor, epochs: int) -> nn.Module:
    """Train as the example does."""
    model = network()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            functional.nll_loss(model(x[rows]), y[rows]).backward()
            optimizer.step()
        schedule.step()
    return model.eval()


def main() -> None:
    """Train once for each seed."""
    _, archive, epochs, *seeds = sys.argv[1:]
    with np.load(archive) as file:
        x_train, x_test = (images(file[key]) for key in ("x_train", "x_test"))
        y_train, y_test = (torch.from_numpy(file[key].astype(np.int64)) for key in ("y_train", "y_test"))
    for seed in map(int, seeds):
        torch.manual_seed(seed)
        started = time.perf_counter()
        model = train(x_train, y_train, int(epochs))
        seconds = time.perf_counter() - started
        with torch.no_grad():
            right = sum(
                (model(x).argmax(dim=1) == y).sum().item()
                for x, y in zip(x_test.split(1000), y_test.split(1000), strict=True)
            )
        weights = sum(parameter.numel() for parameter in model.parameters())
        accuracy = right / len(x_test)
        print(json.dumps({"seconds": seconds, "accuracy": accuracy, "weights": weights}), flush=True)


if __name__ == "__main__":
    main()
