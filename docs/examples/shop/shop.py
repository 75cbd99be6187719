"""A small shop with Flask and SQLAlchemy: a checkout, an outbox in its own database, and postbacks."""

from flask import Flask, request
from flask.typing import ResponseReturnValue
from sqlalchemy import String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import thirdwatch_api
from thirdwatch_api import postback
from thirdwatch_api.outbox import Outbox


class Base(DeclarativeBase):
    """What the tables of the shop have in common."""


class Order(Base):
    """An order, and what the service says about it."""

    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    customer: Mapped[str] = mapped_column(String(20))
    amount: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20), default="new")


class Shop:
    """The shop.

    :param database: URL of its database
    """

    def __init__(self, database: str) -> None:
        self.engine = create_engine(database)
        self.outbox = Outbox(self.engine)
        Base.metadata.create_all(self.engine)
        self.outbox.create()
        self.app = Flask(__name__)
        self.app.add_url_rule("/checkout", view_func=self.check_out, methods=["POST"])
        self.app.add_url_rule("/thirdwatch", view_func=self.take_postback, methods=["POST"])

    def check_out(self) -> ResponseReturnValue:
        """Take an order. The order and its events are stored together, or not at all."""
        order = Order(**request.get_json())
        customer, number = order.customer, order.number
        with Session(self.engine) as session:
            session.add(order)
            created = thirdwatch_api.CreateOrder(user_id=customer, order_id=number, amount=order.amount)
            paid = thirdwatch_api.Transaction(user_id=customer, order_id=number, transaction_status="_success")
            self.outbox.add_all([created, paid], session)
            session.commit()
        return {"order": number}

    def take_postback(self) -> ResponseReturnValue:
        """Act on a score."""
        try:
            notice = postback.parse(request.headers, request.get_data())
        except postback.PostbackException as error:
            return {}, error.status or 400
        if isinstance(notice, postback.ScorePostback):
            with Session(self.engine) as session:
                order = session.get(Order, notice.order_id)
                if order:
                    order.state = "approved" if notice.flag == "green" else "on hold"
                session.commit()
        return {}

    def state_of(self, number: str) -> str:
        """Return the state of an order."""
        with Session(self.engine) as session:
            order = session.get(Order, number)
            return order.state if order else "unknown"
