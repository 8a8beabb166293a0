"""The unmissed command: one thin module per verb, imported when it is used."""
