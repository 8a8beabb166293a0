"""The simulated study: made slides through `unmissed triage`, certified and checked; nothing in it is a patient."""
