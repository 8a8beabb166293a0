"""Classifiers of pictures: data, augmentation, objective, training."""
