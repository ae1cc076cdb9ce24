"""Parts of the state in one line each."""

from crossfade.control.views import Component, Dashboard, Phase, Side, Stopped


def words(status: str) -> str:
    """A status as a person writes it."""
    return status.replace("_", " ")


def headline(dashboard: Dashboard) -> str:
    """The migration, how far it is, and how the system is."""
    migration, progress, alerts = dashboard.migration, dashboard.progress, dashboard.alerts.total
    system = f"system {dashboard.system_health.status}"
    if migration is None:
        return f"No migration yet · {system}"
    return " · ".join(
        (
            f"{migration.name} #{migration.number} {migration.status}",
            f"{progress.completed} of {progress.components} components complete",
            f"{alerts} alert{'' if alerts == 1 else 's'}",
            system,
        )
    )


def phase_line(phase: Phase) -> str:
    """Where a phase stands, and why."""
    return f"phase {phase.name}: {words(phase.status)}{f', {phase.reason}' if phase.reason else ''}"


def component_line(component: Component) -> str:
    """Where a component stands, with both sides' figures."""
    parts = [f"{component.name}: {words(component.status)} at {component.percentage:g} %"]
    if component.candidate is not None:
        parts.append(f"p95 {p95(component.legacy)} → {p95(component.candidate)} ms")
        parts.append(f"errors {rate(component.legacy)} → {rate(component.candidate)}")
    if component.verdict and not component.has_ended:
        parts.append(f"verdict {words(component.verdict)}")
    if news := component_news(component):
        parts.append(news)
    return " · ".join(parts)


def component_news(component: Component) -> str:
    """What it waits for; of one that has ended, why."""
    if component.has_ended:
        return component.reason or ""
    return f"waits for {component.waiting_for}" if component.waiting_for else ""


def proof(stopped: Stopped) -> str:
    """What an emergency stop has proven, and what it could not."""
    replicas, clients = counted(stopped.replicas_applied, "replica"), counted(stopped.clients_confirmed, "client")
    silent = counted(stopped.replicas_expired + stopped.clients_expired, "silent process", "es")
    confirmed = f"Confirmed by {replicas} and {clients}; {silent} can serve no live rollout any more"
    if (open_to := stopped.may_still_serve) is None:
        seconds = stopped.milliseconds / 1000
        return f"Stopped: nobody serves candidate any more. {confirmed}, after {seconds:.2f} s."
    who = ", ".join((*open_to.replicas, *open_to.clients))
    return (
        f"Stopped, but not proven: {who} may still serve candidate of {', '.join(open_to.flags)}. "
        f"{confirmed}. End what is named there, then repeat the stop."
    )


def counted(number: int, noun: str, ending: str = "s") -> str:
    """A number of things."""
    return f"{number} {noun}{'' if number == 1 else ending}"


def p95(side: Side | None) -> str:
    """A p95 response time in milliseconds."""
    return "-" if side is None or side.p95_ms is None else f"{side.p95_ms:.1f}"


def rate(side: Side | None) -> str:
    """An error rate."""
    return "-" if side is None or side.error_rate is None else f"{side.error_rate:.2%}"
