"""The shipped files, as Prometheus itself reads them; and two machines, scraped, with an alert."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shmtui.report.prometheus import shipped
from tests.compiling import Compiler, require
from tests.exporting import program
from tests.repair.stuck_ring import SLOTS, StuckRing
from tests.waiting import poll


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``promtool``, run to its end."""
    return subprocess.run(
        [require("promtool"), *arguments], capture_output=True, text=True, check=False
    )


def write(folder: Path) -> Path:
    """The shipped files, under the names by which they find each other."""
    names = {"rules": "shmtui-rules.yml", "prometheus": "prometheus.yml", "federation": "top.yml"}
    for what, name in names.items():
        (folder / name).write_text(shipped(what))
    return folder


def test_rules_and_configurations_are_right(tmp_path: Path) -> None:
    """By Prometheus's own check."""
    folder = write(tmp_path)
    done = promtool("check", "rules", str(folder / "shmtui-rules.yml"))
    assert done.returncode == 0, done.stderr
    for name in ("prometheus.yml", "top.yml"):
        done = promtool("check", "config", str(folder / name))
        assert done.returncode == 0, done.stderr


def test_each_alert_fires_on_its_own(tmp_path: Path) -> None:
    """And on nothing else: `promtool test rules`."""
    rules = write(tmp_path) / "shmtui-rules.yml"
    tests = Path(__file__).with_name("rules_test.yml").read_text()
    (tmp_path / "tests.yml").write_text(tests.replace("RULES", str(rules)))
    done = promtool("test", "rules", str(tmp_path / "tests.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


# -- two machines -----------------------------------------------------------------------------------

Inside = Callable[..., tuple[str, ...]]


@pytest.fixture
def inside() -> Iterator[Inside]:
    """Commands as of machine 0, 1 or 2: network namespaces, the first joined with each of the others.

    Machine N has 10.77.N.2 towards the first, which has 10.77.N.1.
    """
    if os.geteuid():
        pytest.skip("only root can make network namespaces")
    unshare, nsenter, ip = require("unshare"), require("nsenter"), require("ip")
    if subprocess.run([unshare, "--net", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody make a network namespace")
    with ExitStack() as machines:
        pids = [
            machines.enter_context(program(unshare, "--net", "sleep", "infinity")).pid
            for _machine in range(3)
        ]
        own = Path("/proc/self/ns/net").readlink()
        poll(lambda: own not in {Path(f"/proc/{p}/ns/net").readlink() for p in pids}, "namespaces")

        def command(machine: int, *words: str) -> tuple[str, ...]:
            return (nsenter, "--net", "--target", str(pids[machine]), *words)

        def run(machine: int, words: str) -> None:
            subprocess.run(command(machine, ip, *words.split()), check=True)

        run(0, "link set lo up")
        for machine in (1, 2):
            run(machine, "link set lo up")
            run(0, f"link add m{machine} type veth peer name home netns {pids[machine]}")
            run(0, f"address add 10.77.{machine}.1/24 dev m{machine}")
            run(0, f"link set m{machine} up")
            run(machine, f"address add 10.77.{machine}.2/24 dev home")
            run(machine, "link set home up")
        yield command


ASK = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
"""


def asked(inside: Inside, path: str) -> list[dict[str, Any]]:
    """What the Prometheus of machine 0 answers; empty while it does not."""
    done = subprocess.run(
        inside(0, sys.executable, "-c", ASK, f"http://127.0.0.1:9090{path}"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return []
    data = json.loads(done.stdout)["data"]
    found: list[dict[str, Any]] = data.get("result", data.get("alerts"))
    return found


@pytest.mark.rights
def test_two_machines_and_a_killed_holder(
    inside: Inside, gcc: Compiler, new_name: Callable[[], str], tmp_path: Path
) -> None:
    """Two exporters, one Prometheus with the shipped rules: the alert fires where it was killed."""
    prometheus = require("prometheus")
    write(tmp_path)
    text = shipped("prometheus").replace("machine1", "10.77.1.2").replace("machine2", "10.77.2.2")
    (tmp_path / "prometheus.yml").write_text(text.replace("15s", "1s"))
    names = new_name(), new_name()
    with ExitStack() as running:
        rings = [running.enter_context(StuckRing(gcc, name)) for name in names]
        for machine, (ring, name) in enumerate(zip(rings, names, strict=True), 1):
            ring.start("producer", f"producer{machine}")
            ring.start("consumer", f"consumer{machine}")
            running.enter_context(
                program(*inside(machine, sys.executable, "-m", "shmtui", "export", name, *SLOTS,
                                "--listen", f"10.77.{machine}.2:9755"))
            )  # fmt: skip
        running.enter_context(
            program(
                *inside(0, prometheus, f"--config.file={tmp_path}/prometheus.yml"),
                f"--storage.tsdb.path={tmp_path}/data", "--web.listen-address=127.0.0.1:9090",
            )
        )  # fmt: skip
        poll(
            lambda: {each["metric"]["instance"] for each in asked(
                inside, "/api/v1/query?query=shmtui_segment_up%3D%3D1")}
            == {"10.77.1.2:9755", "10.77.2.2:9755"},
            "both are scraped",
        )  # fmt: skip
        assert asked(inside, "/api/v1/query?query=shmtui_ring_slots%3D%3D5")
        sitter = rings[0].start("sitter")
        assert sitter.stdout is not None
        assert sitter.stdout.readline() == "inside\n"
        sitter.kill()
        sitter.wait()

        def fired() -> set[tuple[str, str]]:
            return {
                (each["labels"]["instance"], each["labels"]["segment"])
                for each in asked(inside, "/api/v1/alerts")
                if each["labels"]["alertname"] == "ShmHolderDead" and each["state"] == "firing"
            }

        poll(fired, "the alert fires")
        assert fired() == {("10.77.1.2:9755", names[0])}
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
