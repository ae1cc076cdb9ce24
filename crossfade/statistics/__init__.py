"""Bounds and histograms, vectorised; values in, values out."""
