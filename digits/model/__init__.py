"""The model: the network, its training, its file, and the function that classifies with it."""
