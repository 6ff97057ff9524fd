"""Results of calls that are no map yet, since only more calls make them one: what is cut or summed along one side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tvm_srq.graph.sources.sizes import Length

if TYPE_CHECKING:
    from tvm_srq.graph.sources.translation import Translation


class Pending(ABC):
    """Hashable, so that a node is made of it once."""

    shape: tuple[Length, ...]

    @abstractmethod
    def finished(self, translation: Translation) -> str:
        """The node that has this value.

        Raises:
            Refused: it is no map as it is.
        """
