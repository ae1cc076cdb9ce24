"""What people ask of all components, put together from what each phase contributes."""

from random import Random

from examples.airports.traffic.asking import errors, repository, search, utilities, websocket
from examples.airports.traffic.asking.material import Material
from examples.airports.traffic.question import Question

ASKED = (*utilities.ASKED, *search.ASKED, *errors.ASKED, *repository.ASKED, *websocket.ASKED)
COMPONENTS = tuple(asked.component for asked in ASKED)
PATHS = {asked.component: asked.path for asked in ASKED if asked.path}
LINES = {asked.component: asked.open for asked in ASKED if asked.open}

_BY_NAME = {asked.component: asked for asked in ASKED}


class Questions:
    """An endless supply, the same for the same random numbers."""

    def __init__(self, random: Random) -> None:
        self._material = Material(random)

    def person(self) -> str:
        """The id of somebody out of the fixed population."""
        return self._material.person()

    def ask(self, component: str) -> Question:
        """A question for this component."""
        asked = _BY_NAME[component]
        return Question(component, asked.ask(self._material), asked.path)
