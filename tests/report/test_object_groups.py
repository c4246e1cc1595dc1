"""Groups of what processes share: each object under all of its programs, and its memory told once."""

from shmtui.monitor.shared_object import ObjectKind, SharedObject
from shmtui.report.object_groups import ObjectGroup, grouped, memory_text
from tests.tui.records import entry

A, B = (412, "matcher"), (413, "gateway")
OWN = entry("/own", mappers=(A,), in_use=4096)
BOTH = entry("/both", mappers=(A, B, (414, "gateway")), in_use=8192)
LOST = entry("/lost", mappers=(), in_use=4096, orphan=True)
SET = entry("semset:1", kind=ObjectKind.SYSV_SET, mappers=(B,), in_use=None, size=None)


def names(by: str) -> dict[str, list[str]]:
    """The names in each group."""
    found = grouped((OWN, BOTH, LOST, SET), by, lambda each: each)
    return {key: [each.name for each in its] for key, its in found.items()}


def group(key: str, *objects: SharedObject) -> ObjectGroup:
    """A program's."""
    return ObjectGroup("program", key, objects)


def test_an_object_stands_under_each_of_its_programs() -> None:
    """In the order of the rows; under none, where nobody is seen to have it."""
    assert names("program") == {
        "matcher": ["/own", "/both"],
        "gateway": ["/both", "semset:1"],
        "": ["/lost"],
    }
    assert names("kind") == {"posix": ["/own", "/both", "/lost"], "semset": ["semset:1"]}


def test_a_group_tells_its_processes_and_what_is_not_its_own() -> None:
    """The memory that other programs have too is named."""
    gateway = group("gateway", BOTH, SET)
    assert gateway.pids == (413, 414)
    assert gateway.processes == "2: 413, 414"
    assert gateway.in_use == "8.0 K"
    assert gateway.words() == "2 objects, 8.0 K of it with other programs"
    assert group("matcher", OWN).words(memory=True) == "1 object, 4.0 K in use"
    assert group("", LOST).title == "nobody seen"
    assert not group("", LOST).pids


def test_a_sum_is_no_surer_than_its_parts() -> None:
    """A bound where one is a bound, or is memory of which nothing is known; what takes none adds none."""
    assert memory_text((OWN, BOTH)) == "12.0 K"
    assert memory_text((OWN, SET)) == "4.0 K"
    assert memory_text((SET,)) == "-"
    assert memory_text((OWN, entry("/x", in_use=None))) == "≥ 4.0 K"
    assert memory_text((entry("/x", in_use=4096, in_use_at_least=True),)) == "≥ 4.0 K"
    assert memory_text(()) == "-"


def test_kinds_have_no_processes() -> None:
    """A kind is no program, even if a program is called so."""
    kind = ObjectGroup("kind", "posix", (entry("/x", mappers=((7, "posix"),)), BOTH))
    assert not kind.pids
    assert kind.words() == "2 objects"
