"""The watching itself: source, frames in order, overlay, the folder that is written."""
