"""Scores, intervals, calibration and what needs no model; numpy in, numbers out."""
