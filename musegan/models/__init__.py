"""What a model is, in memory and on disk: the trained model, its file, the library of models, the hub, devices."""
