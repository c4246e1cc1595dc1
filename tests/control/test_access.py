"""What an instruction does to the memory that it faulted on."""

import pytest

from shmtui.control.access import access_of, is_atomic
from shmtui.control.operation import Kind


@pytest.mark.parametrize(
    ("code", "kind", "width"),
    [
        ("8b5014", Kind.LOAD, 4),  # mov edx, [rax+0x14]
        ("488b10", Kind.LOAD, 8),  # mov rdx, [rax]
        ("66890a", Kind.STORE, 2),  # mov [rdx], cx
        ("8808", Kind.STORE, 1),  # mov [rax], cl
        ("c70001000000", Kind.STORE, 4),  # mov dword [rax], 1
        ("0fb610", Kind.LOAD, 1),  # movzx edx, byte [rax]
        ("833802", Kind.LOAD, 4),  # cmp dword [rax], 2
        ("830001", Kind.UPDATE, 4),  # add dword [rax], 1
        ("ff00", Kind.UPDATE, 4),  # inc dword [rax]
        ("f00fb111", Kind.UPDATE, 4),  # lock cmpxchg [rcx], edx
        ("0f1100", Kind.STORE, 16),  # movups [rax], xmm0
        ("f30f6f00", Kind.LOAD, 16),  # movdqu xmm0, [rax]
        ("c5fe6f06", Kind.LOAD, 32),  # vmovdqu ymm0, [rsi]
        ("c5fe7f07", Kind.STORE, 32),  # vmovdqu [rdi], ymm0
        ("f20f1106", Kind.STORE, 8),  # movsd [rsi], xmm0
        ("f30f110a", Kind.STORE, 4),  # movss [rdx], xmm1
        ("66410f7e11", Kind.STORE, 4),  # movd [r9], xmm2
        ("660fd65108", Kind.STORE, 8),  # movq [rcx+8], xmm2
        ("f20f5807", Kind.LOAD, 8),  # addsd xmm0, [rdi]
        ("0f2f06", Kind.LOAD, 4),  # comiss xmm0, [rsi]
        ("c5fb1106", Kind.STORE, 8),  # vmovsd [rsi], xmm0
        ("c5fa1106", Kind.STORE, 4),  # vmovss [rsi], xmm0
        ("c4e1f97e06", Kind.STORE, 8),  # vmovq [rsi], xmm0
        ("c5fa7e06", Kind.LOAD, 8),  # vmovq xmm0, [rsi]
        ("62f17d087e06", Kind.STORE, 4),  # vmovd [rsi], xmm0, of AVX-512
        ("dd1e", Kind.STORE, 8),  # fstp qword [rsi]
        ("db3e", Kind.STORE, 10),  # fstp tbyte [rsi]
        ("d906", Kind.LOAD, 4),  # fld dword [rsi]
        ("62f1fe487f07", Kind.STORE, 64),  # vmovdqu64 [rdi], zmm0
    ],
)
def test_kind_and_width(code: str, kind: Kind, width: int) -> None:
    assert access_of(bytes.fromhex(code) + bytes(15)) == (kind, width)


def test_atomic() -> None:
    """By the lock prefix, or as xchg."""
    assert is_atomic(bytes.fromhex("f0ff00") + bytes(15))
    assert is_atomic(bytes.fromhex("488707") + bytes(15))
    assert not is_atomic(bytes.fromhex("ff00") + bytes(15))
