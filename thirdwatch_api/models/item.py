"""Item: a part of other models."""

from dataclasses import dataclass

from ._fields import Text
from ._model import JsonObject, Model
from .seller import Seller

__all__ = ["Item"]


@dataclass(repr=False, slots=True)
class Item(Model):
    """A product: a line of an order, or the subject of a cart event."""

    item_id: Text | None = None
    """Catalogue identifier of the product, the one the shop itself looks it up by."""

    product_title: Text | None = None
    """Name shown to shoppers."""

    price: Text | None = None
    """Unit price in whole currency units, as decimal text, for instance ``2500``."""

    currency_code: Text | None = None
    """Currency of the money values beside it (ISO 4217), for instance ``INR``; unofficial codes for points or crypto
    are tolerated."""

    upc: Text | None = None
    """Universal Product Code, where there is one."""

    sku: Text | None = None
    """Stock-keeping code, where there is one."""

    isbn: Text | None = None
    """Book number (ISBN), for books."""

    brand: Text | None = None
    """Brand."""

    manufacturer: Text | None = None
    """Maker of the product."""

    category: Text | None = None
    """Catalogue path that the product is filed under, for instance ``man > bags``."""

    tags: Text | None = None
    """Labels of the product as one piece of text, for instance ``man`` or ``summer``."""

    color: Text | None = None
    """Colour."""

    quantity: int | None = None
    """Number of units."""

    is_on_sale: bool | None = None
    """True while the product is discounted or under an offer."""

    max_quantity: int | None = None
    """Most units one customer may buy."""

    discount_price: Text | None = None
    """Price left after the discount, as decimal text."""

    product_weight: Text | None = None
    """Weight in kilograms, as decimal text, for instance ``3`` or ``0.5``."""

    country: Text | None = None
    """Country that the product is tied to, as two letters (ISO 3166-1 alpha-2), for instance ``IN``."""

    description_short: Text | None = None
    """Brief description."""

    description: Text | None = None
    """Full description."""

    seller: Seller | JsonObject | None = None
    """Marketplace seller offering the product."""
