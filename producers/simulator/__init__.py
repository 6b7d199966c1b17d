"""A synthetic country in real divisions: persons, households, organisations, parcels, licences.

`World` gives the first state of everything and then its life, seeded, in constant memory. Nobody in
it exists: citizen numbers have the sequence 000, which is never allotted; organisations have an
organisation code whose check character is wrong; telephones have the area code 000.
"""

from producers.simulator.change import Change, Row
from producers.simulator.divisions import County, Divisions, packaged_divisions, read_divisions
from producers.simulator.sizes import Sizes, standard_sizes
from producers.simulator.world import World, surveys

__all__ = [
    "Change",
    "County",
    "Divisions",
    "Row",
    "Sizes",
    "World",
    "packaged_divisions",
    "read_divisions",
    "standard_sizes",
    "surveys",
]
