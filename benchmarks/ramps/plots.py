"""The plots of docs/statistics.md: drawn from what was just measured, the same bytes for the same figures."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.ramps.results import Played
from benchmarks.ramps.scores import Score

_COLOURS = {
    "crossfade harm": "#0b6e4f",
    "crossfade gate": "#5fb49c",
    "pooled z": "#c8553d",
    "naive Welch": "#e09f3e",
    "gbstats": "#5b5f97",
    "stratified score": "#8d99ae",
}
_STYLE = {
    "svg.hashsalt": "crossfade",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
}


def draw(played: Mapping[str, Played], limits: Mapping[float, Mapping[str, Score]], *, folder: Path) -> None:
    """Write the three plots into a folder."""
    pyplot = import_module("matplotlib.pyplot")
    folder.mkdir(parents=True, exist_ok=True)
    with pyplot.rc_context(_STYLE):
        peers = ("pooled z", "naive Welch", "gbstats", "crossfade harm")
        _curves(
            pyplot,
            [
                (played["bake at 50 %, 0.5 %"], "Half of the traffic all the time", peers),
                (played["flat 0.5 %"], "A ramp of 1, 5, 25, 50 %", peers),
            ],
            said="healthy ramps with a false alarm so far",
            file=folder / "peeking.svg",
        )
        drift = ("pooled z", "gbstats", "stratified score", "crossfade harm")
        _curves(
            pyplot,
            [
                (played["rising 0.5 to 1 %"], "Healthy, errors of both arms rise", drift),
                (played["falling 1 to 0.5 %, +30 %"], "+30 % errors, those of both arms fall", drift),
            ],
            said="ramps with an alarm so far",
            file=folder / "strata.svg",
        )
        _limit(pyplot, limits, file=folder / "limit.svg")


def _curves(pyplot: Any, panels: Sequence[tuple[Played, str, Sequence[str]]], *, said: str, file: Path) -> None:
    figure, axes = pyplot.subplots(1, len(panels), figsize=(8, 3.2), sharey=True, layout="constrained")
    for axis, (played, title, judges) in zip(axes, panels, strict=True):
        for judge in judges:
            curve = played.curves[judge] * 100
            # Dashed, since with equal arms it lies on top of pooled z.
            line = "--" if judge == "naive Welch" else "-"
            axis.plot(range(1, len(curve) + 1), curve, line, color=_COLOURS[judge], label=judge, linewidth=1.8)
        if played.scenario.truth == "healthy":
            axis.axhline(5, color="black", linewidth=0.8, linestyle=":")
            axis.annotate("5 % promised", (1, 5), textcoords="offset points", xytext=(0, 3), fontsize=7)
        axis.set(title=title, xlabel="look", ylim=(0, 100))
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel(f"% of {said}")
    _save(pyplot, figure, file)


def _limit(pyplot: Any, limits: Mapping[float, Mapping[str, Score]], *, file: Path) -> None:
    figure, axis = pyplot.subplots(figsize=(6, 3), layout="constrained")
    for offset, (rule, colour) in enumerate({"plain rule": "#c8553d", "exact bound": "#0b6e4f"}.items()):
        shares = [by[rule].share * 100 for by in limits.values()]
        places = [place + (offset - 0.5) * 0.38 for place in range(len(shares))]
        drawn = axis.bar(places, shares, width=0.36, color=colour, label=rule)
        axis.bar_label(drawn, fmt="%.3g %%", fontsize=8, padding=1)
    axis.set_xticks(range(len(limits)), [f"{rate:.1%}" for rate in limits])
    axis.set(xlabel="candidate's true error rate; the limit is 1 %", ylabel="% of ramps rolled back", ylim=(0, 112))
    axis.legend(frameon=False, loc="upper left")
    _save(pyplot, figure, file)


def _save(pyplot: Any, figure: Any, file: Path) -> None:
    figure.savefig(file, format="svg", metadata={"Date": None})
    pyplot.close(figure)
