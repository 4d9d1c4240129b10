"""What a host has set in a modem since power came on; all of it is lost at a restart."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Settings:
    """Volatile settings, each with the value of a 27.005 modem at power-up."""

    echo: bool = True
    """ATE (V.250 6.2.4)."""
    verbose: bool = True
    """ATV (V.250 6.2.6): result codes as words."""
    cmee: int = 0
    """+CMEE: 0 bare ERROR, 1 numbers, 2 words (TS 27.007 9.1)."""
    cmgf: int = 0
    """+CMGF: 0 PDU mode, 1 text mode."""
    cscs: str = "GSM"
    csms: int = 0
    """+CSMS: with 1, each +CMT and +CDS wants a +CNMA."""
    cmms: int = 0
    cnmi: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])
    csmp: list[int] = field(default_factory=lambda: [17, 167, 0, 0])
    csdh: int = 0
    cpms: list[str] = field(default_factory=lambda: ["SM", "SM", "SM"])
    creg: int = 0
    cgreg: int = 0
    cereg: int = 0
    cops_format: int = 0
    cusd: int = 0
    chatter: bool = True
    """Whether the modem says what it likes to say (Huawei: ^CURC)."""
    cfun: int = 1
