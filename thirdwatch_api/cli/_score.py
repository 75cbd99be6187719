"""``thirdwatch score``: ask for the scores of orders."""

from __future__ import annotations

from argparse import Namespace
from time import monotonic

from ..apis.score_api import ScoreApi
from ..exceptions import ScoreNotReadyException
from ..models.score_response import ScoreResponse
from ._exit import FAILED, OK
from ._output import Output
from ._parser import Parser, seconds
from ._service import add_service_options, make_client

__all__ = ["configure", "run"]

_COLOURS = {"green": "good", "red": "bad"}


def configure(parser: Parser) -> None:
    """Declare the arguments."""
    parser.describe(
        "Ask for the scores of orders, and print a line for each: order, score, colour, reasons.\n"
        "The exit code is 1 where an order has none yet.",
        ("thirdwatch score o-1001", ""),
        ("thirdwatch score o-1001 o-1002 --wait", "until both have one, for a minute at most"),
        ("thirdwatch score o-1001 --json | jq .score", "for programs"),
    )
    parser.add_argument("orders", metavar="ORDER", nargs="+", help="number of an order, as create_order reported it")
    parser.add_argument("--wait", action="store_true", help="ask again until each order has a score")
    parser.add_argument(
        "--deadline", type=seconds, default=60.0, metavar="TIME", help="how long to wait for all of them; default: 60s"
    )
    add_service_options(parser)


def run(arguments: Namespace, output: Output) -> int:
    """Ask for each score."""
    end = monotonic() + arguments.deadline
    code = OK
    with make_client(arguments) as client:
        scores = ScoreApi(client)
        for order in arguments.orders:
            try:
                left = max(end - monotonic(), 0.001)
                score = scores.wait(order, deadline=left) if arguments.wait else scores.score(order)
            except ScoreNotReadyException as error:  # noqa: PERF203 - each order has its own
                output.record({"order_id": order, "score": None, "reason": str(error)})
                output.line(f"{order}  -  {error}", "unsure")
                code = FAILED
            else:
                _show(order, score, output)
    return code


def _show(order: str, score: ScoreResponse, output: Output) -> None:
    reasons = [{"name": reason.name, "flag": reason.flag} for reason in score.reasons]
    values = {"order_id": order, "score": score.score, "flag": score.flag, "is_risky": score.is_risky}
    output.record({**values, "reasons": reasons})
    named = ", ".join(f"{reason.display_name or reason.name} ({reason.flag})" for reason in score.reasons)
    number = "-" if score.score is None else f"{score.score:g}"
    output.line(f"{order}  {number}  {score.flag or '-'}  {named}".rstrip(), _COLOURS.get(score.flag or "", "unsure"))
