"""Single pictures through a model: classes or finds, in input order, as tables."""
