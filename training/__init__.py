"""From a config to a trained, evaluated model: schema, augmentation, loop, evaluation and reports."""
