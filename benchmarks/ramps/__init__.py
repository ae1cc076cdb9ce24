"""Simulated ramps, many at a time: what they measure, who judges them, and how often each judge is right."""
