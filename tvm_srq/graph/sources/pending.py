"""Results of calls that are no map yet, since only more calls make them one: what is cut or summed along one side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tvm_srq.graph.sources.sizes import Length

if TYPE_CHECKING:
    from tvm_srq.graph.sources.calls import Call
    from tvm_srq.graph.sources.translation import Translation
    from tvm_srq.graph.sources.views import View


class Pending(ABC):
    """Hashable, so that a node is made of it once."""

    shape: tuple[Length, ...]

    @abstractmethod
    def finished(self, translation: Translation) -> str:
        """The node that has this value.

        Raises:
            Refused: it is no map as it is.
        """

    def in_floats(self, translation: Translation, call: Call) -> View:
        """The value for a float operator; of maps where it is not said otherwise.

        Raises:
            Refused: as above.
        """
        return translation.view_of(translation.map(self))
