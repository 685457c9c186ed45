"""Guest items: items that are not in the index, encoded from their picture or their title."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from goeswith.data.catalogue import Catalogue
from goeswith.data.encoders.networks import Network, open_network
from goeswith.data.encoders.pictures import read_picture
from goeswith.errors import CatalogueError, ModelError
from goeswith.train.run import Run

if TYPE_CHECKING:
    from PIL import Image


class GuestEncoder:
    """The encoder of a run, for one item at a time. networks: those that were opened, by name."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.networks: dict[str, Network] = {}

    def features(self, picture: Image.Image | None, catalogue: Catalogue) -> np.ndarray:
        """Features (D,) of a catalogue of one item, rounded as those of a data set are.

        Raises:
            CatalogueError: the picture or the words that the encoder needs are not given.
            ModelError: the encoder gives other features than the run was trained on.
        """
        names = self.run.config["encoder"].split("+")
        values = np.concatenate([self.part(name, picture, catalogue) for name in names])
        if len(values) != self.run.config["dim"]:
            raise ModelError(
                f"the encoder {self.run.config['encoder']} gives {len(values)} features here and the model reads "
                f"{self.run.config['dim']}; install the version that the data set was encoded with"
            )
        return values

    def part(self, name: str, picture: Image.Image | None, catalogue: Catalogue) -> np.ndarray:
        """What one of the encoders joined by ``+`` gives; see `features`."""
        network = self.networks[name] = self.networks.get(name) or open_network(name, device=self.run.device)
        inputs: Any = network.reads(catalogue)
        if network.size is not None:
            if picture is None:
                raise CatalogueError(f"{name} reads pictures, and the item has none; add one", reason="no_picture")
            written = io.BytesIO()
            picture.save(written, "PNG")
            inputs = read_picture(written, network.size)[None]
        elif not inputs[0]:
            raise CatalogueError(f"{name} reads text, and the item has none; add a title", reason="no_title")
        return network.run(inputs)[0].astype(network.dtype).astype(np.float32)
