"""What the gauges of endoscopy are fitted on: flights, spoiled pictures and examinations that are simulated."""
