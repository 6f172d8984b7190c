"""Recipes, the training loop and its checkpoints: a dataset in, a run directory out."""
