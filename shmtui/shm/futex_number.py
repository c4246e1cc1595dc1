"""The number of futex(2), which glibc has no function for."""

from typing import Final

FUTEX_NUMBERS: Final = {
    "x86_64": 202,
    "aarch64": 98,
    "riscv64": 98,
    "loongarch64": 98,
    "ppc64le": 221,
    "ppc64": 221,
    "s390x": 238,
}
"""By machine; on others nobody is seen to wait, and nobody is woken."""
