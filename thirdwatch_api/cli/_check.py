"""``thirdwatch check``: say whether this machine can send."""

from __future__ import annotations

from argparse import Namespace

from ._exit import FAILED, OK
from ._output import Output
from ._parser import Parser
from ._probe import STEPS, Finding, Probe
from ._service import add_service_options, make_configuration

__all__ = ["configure", "run"]

_STYLES = {"ok": "good", "wrong": "bad", "unsure": "unsure", "-": ""}


def configure(parser: Parser) -> None:
    """Declare the arguments."""
    parser.describe(
        "Say in ten lines whether this machine can send: the key, the host, proxies, TLS, the\n"
        "clock. The last line names the first thing that is wrong, and what to do. The exit code\n"
        "is 1 where something is. Without --send the service gets one request that holds nothing.",
        ("thirdwatch check", "of the key and the host in the environment"),
        ("thirdwatch check --send", "try the key as well"),
        ("thirdwatch check --json | jq .ok", "for programs"),
    )
    parser.add_argument(
        "--send", action="store_true", help="send an empty event with the key: the service refuses it, without effect"
    )
    add_service_options(parser)


def run(arguments: Namespace, output: Output) -> int:
    """Look at one thing after the other."""
    configuration = make_configuration(arguments)
    configuration.retries = 0
    probe = Probe(configuration, send=arguments.send, key_file=arguments.key_file)
    findings: dict[str, Finding] = {}
    try:
        for name, step in STEPS.items():
            finding = findings[name] = step(probe)
            output.line(f"{finding.state:6}  {name:10}  {finding.text}", _STYLES[finding.state])
    finally:
        probe.close()
    wrong = next(((name, finding) for name, finding in findings.items() if finding.state == "wrong"), None)
    output.record(
        {
            "ok": wrong is None,
            "wrong": wrong and wrong[0],
            "remedy": wrong and wrong[1].remedy,
            "steps": {name: {"state": finding.state, "text": finding.text} for name, finding in findings.items()},
        }
    )
    if wrong is None:
        output.line("this machine can send", "good")
        return OK
    output.line(f"{wrong[0]}: {wrong[1].remedy}", "bad")
    return FAILED
