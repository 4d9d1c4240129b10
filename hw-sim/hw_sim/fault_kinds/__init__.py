"""The named faults, a family a file; the first line of each is what ``hw-sim faults`` prints.

Importing this package registers them all.
"""

from hw_sim.fault_kinds import in_dialogue, in_power, in_reports, in_results, in_sim
from hw_sim.faults import BadFault, Fault, kinds, make_fault

__all__ = [
    "BadFault",
    "Fault",
    "in_dialogue",
    "in_power",
    "in_reports",
    "in_results",
    "in_sim",
    "kinds",
    "make_fault",
]
