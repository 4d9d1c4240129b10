"""Claim → open → send → settle: gives each ready modem the next message and writes down what became of the last.

One coroutine a modem, lent to the pool while the modem is ready. On a final result the next message is taken from
what lies prepared in memory and its AT+CMGS is written in the same turn of the loop; meanwhile one transaction
settles the previous segment and marks the next as about to be sent. PDU and Ctrl-Z go out when both the prompt and
that commit are there, and are noted in the handover file, which tells the next daemon what was marked and never sent.
"""

from modemd.dispatcher.match import Dispatcher
from modemd.dispatcher.prepared import Prepared, prepared

__all__ = ["Dispatcher", "Prepared", "prepared"]
