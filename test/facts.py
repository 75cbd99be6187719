"""The facts of the service, as its fact sheet states them, for the tests to compare the package with.

Each thing is written out here, a second time on purpose: what the package derives, it is held against this.
"""

from typing import NamedTuple


class FieldFact(NamedTuple):
    """One field: ``required`` is what the fact sheet marks, the identity aside."""

    name: str
    wire: str
    type: str
    required: bool


class ApiFact(NamedTuple):
    """One line of the table below, in this order."""

    class_name: str
    module: str
    method: str
    parameter: str
    model: str
    path: str


HOST = "https://api.thirdwatch.ai/event"
API_KEY_HEADER = "X-THIRDWATCH-API-KEY"

_METHODS = """
    AddPromotionApi add_promotion_api add_promotion json AddPromotion /v1/add_promotion
    AddToCartApi add_to_cart_api add_to_cart json AddToCart /v1/add_to_cart
    ChargebackApi chargeback_api chargeback json Chargeback /v1/chargeback
    CreateAccountApi create_account_api create_account json CreateAccount /v1/create_account
    CreateOrderApi create_order_api create_order body CreateOrder /v1/createOrder
    CustomEventApi custom_event_api custom_event json Custom /v1/custom_event
    ItemStatusApi item_status_api item_status json ItemStatus /v1/item_status
    LinkSessionToUserApi link_session_to_user_api link_session_to_user json LinkSessionToUser /v1/link_session_to_user
    LoginApi login_api login json Login /v1/login
    LogoutApi logout_api logout json Logout /v1/logout
    OrderStatusApi order_status_api order_status json OrderStatus /v1/order_status
    RemoveFromCartApi remove_from_cart_api remove_from_cart json RemoveFromCart /v1/remove_from_cart
    ReportItemApi report_item_api report_item json ReportItem /v1/report_item
    SendMessageApi send_message_api send_message json SendMessage /v1/send_message
    SubmitReviewApi submit_review_api submit_review json SubmitReview /v1/submit_review
    TagAPIApi tag_api_api tag_user json Tag /v1/tag
    TransactionApi transaction_api transaction json Transaction /v1/transaction
    UntagAPIApi untag_api_api un_tag_user json UnTag /v1/untag
    UpdateAccountApi update_account_api update_account json UpdateAccount /v1/update_account
    UpdateOrderApi update_order_api update_order json UpdateOrder /v1/update_order
"""

_FIELDS = {  # name=wire:type of each field, in the order of the constructor; ! marks a required one
    "AddPromotion": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str promotions=_promotions:list[Promotion]
        custom_info=_customInfo:CustomInfo
    """,
    "AddToCart": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str item=_item:Item custom_info=_customInfo:CustomInfo
    """,
    "BillingAddress": """
        name=_name:str phone=_phone:str address1=_address1:str address2=_address2:str city=_city:str
        region=_region:str country=_country:str zipcode=_zipcode:str is_office_address=_isOfficeAddress:bool
        is_home_address=_isHomeAddress:bool
    """,
    "Chargeback": """
        user_id=_userId:str session_id=_sessionId:str order_id=_orderId:str transaction_id=_transactionId:str
        chargeback_state=_chargebackState:str chargeback_reason=_chargebackReason:str
        custom_info=_customInfo:CustomInfo
    """,
    "CreateAccount": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str user_email=_userEmail:str first_name=_firstName:str
        last_name=_lastName:str phone=_phone:str age=_age:str gender=_gender:str
        referral_code=_referralCode:str referrer_user_id=_referrerUserId:str
        billing_address=_billingAddress:BillingAddress shipping_address=_shippingAddress:ShippingAddress
        payment_methods=_paymentMethods:list[PaymentMethod] promotions=_promotions:list[Promotion]
        social_sign_on_type=_socialSignOnType:str email_confirmed_status=_emailConfirmedStatus:str
        phone_confirmed_status=_phoneConfirmedStatus:str is_newsletter_subscribed=_isNewsletterSubscribed:bool
        account_status=_accountStatus:str facebook_id=_facebookId:str google_id=_googleId:str
        twitter_id=_twitterId:str custom_info=_customInfo:CustomInfo
    """,
    "CreateOrder": """
        user_id=_userId:str session_id=_sessionId:str order_id=_orderId:str! device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str user_email=_userEmail:str amount=_amount:str
        currency_code=_currencyCode:str has_expedited_shipping=_hasExpeditedShipping:bool
        shipping_method=_shippingMethod:str order_referrer=_orderReferrer:str is_pre_paid=_isPrePaid:bool
        is_gift=_isGift:bool is_return=_isReturn:bool is_first_time_buyer=_isFirstTimeBuyer:bool
        billing_address=_billingAddress:BillingAddress shipping_address=_shippingAddress:ShippingAddress
        payment_methods=_paymentMethods:list[PaymentMethod] promotions=_promotions:list[Promotion]
        items=_items:list[Item] custom_info=_customInfo:CustomInfo
    """,
    "Custom": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str custom_info=_customInfo:CustomInfo
    """,
    "CustomInfo": "",
    "ErrorResponse": """
        message=message:str!
    """,
    "EventResponse": """
        message=message:str!
    """,
    "Item": """
        item_id=_itemId:str product_title=_productTitle:str price=_price:str currency_code=_currencyCode:str
        upc=_upc:str sku=_sku:str isbn=_isbn:str brand=_brand:str manufacturer=_manufacturer:str
        category=_category:str tags=_tags:str color=_color:str quantity=_quantity:int
        is_on_sale=_isOnSale:bool max_quantity=_maxQuantity:int discount_price=_discountPrice:str
        product_weight=_productWeight:str country=_country:str description_short=_descriptionShort:str
        description=_description:str seller=_seller:Seller
    """,
    "ItemStatus": """
        user_id=_userId:str session_id=_sessionId:str order_id=_orderId:str item_id=_itemId:str
        item_status=_itemStatus:str reason=_reason:str shipping_cost=_shippingCost:str
        tracking_number=_trackingNumber:str tracking_method=_trackingMethod:str source=_source:str
        analyst=_analyst:str description=_description:str custom_info=_customInfo:CustomInfo
    """,
    "LinkSessionToUser": """
        user_id=_userId:str session_id=_sessionId:str custom_info=_customInfo:CustomInfo
    """,
    "Login": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str login_status=_loginStatus:str custom_info=_customInfo:CustomInfo
    """,
    "Logout": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str custom_info=_customInfo:CustomInfo
    """,
    "OrderStatus": """
        user_id=_userId:str session_id=_sessionId:str order_id=_orderId:str order_status=_orderStatus:str
        reason=_reason:str shipping_cost=_shippingCost:str tracking_number=_trackingNumber:str
        tracking_method=_trackingMethod:str source=_source:str analyst=_analyst:str
        description=_description:str custom_info=_customInfo:CustomInfo
    """,
    "PaymentMethod": """
        payment_type=_paymentType:str amount=_amount:str currency_code=_currencyCode:str
        payment_gateway=_paymentGateway:str account_name=_accountName:str card_bin=_cardBin:str
        avs_response_code=_avsResponseCode:str cvv_response_code=_cvvResponseCode:str
        card_last4=_cardLast4:str card_expiry_month=_cardExpiryMonth:str card_expiry_year=_cardExpiryYear:str
    """,
    "Promotion": """
        promotion_id=_promotionId:str status=_status:str description=_description:str amount=_amount:str
        min_purchase_amount=_minPurchaseAmount:str referrer_user_id=_referrerUserId:str
        failure_reason=_failureReason:str percentage_off=_percentageOff:str currency_code=_currencyCode:str
        type=_type:str
    """,
    "RemoveFromCart": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str item=_item:Item custom_info=_customInfo:CustomInfo
    """,
    "ReportItem": """
        user_id=_userId:str session_id=_sessionId:str item_id=_itemId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str user_email=_userEmail:str custom_info=_customInfo:CustomInfo
    """,
    "Seller": """
        seller_id=_sellerId:str name=_name:str email=_email:str phone=_phone:str created_date=_createdDate:str
        last_updated_date=_lastUpdatedDate:str onboarding_ip_address=_onboardingIpAddress:str
    """,
    "SendMessage": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str recipient_user_id=_recipientUserId:str subject=_subject:str
        content=_content:str custom_info=_customInfo:CustomInfo
    """,
    "ShippingAddress": """
        name=_name:str phone=_phone:str address1=_address1:str address2=_address2:str city=_city:str
        region=_region:str country=_country:str zipcode=_zipcode:str is_office_address=_isOfficeAddress:bool
        is_home_address=_isHomeAddress:bool
    """,
    "SubmitReview": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str review_title=_reviewTitle:str review_content=_reviewContent:str
        item_id=_itemId:str submission_status=_submissionStatus:str rating=_rating:str
        custom_info=_customInfo:CustomInfo
    """,
    "Tag": """
        user_id=_userId:str is_bad=_isBad:bool abuse_type=_abuseType:str description=_description:str
        source=_source:str analyst=_analyst:str custom_info=_customInfo:CustomInfo
    """,
    "Transaction": """
        user_id=_userId:str session_id=_sessionId:str order_id=_orderId:str! transaction_id=_transactionId:str
        device_ip=_deviceIp:str origin_timestamp=_originTimestamp:str user_email=_userEmail:str
        amount=_amount:str currency_code=_currencyCode:str transaction_type=_transactionType:str
        transaction_status=_transactionStatus:str! is_first_time_buyer=_isFirstTimeBuyer:bool
        billing_address=_billingAddress:BillingAddress shipping_address=_shippingAddress:ShippingAddress
        payment_method=_paymentMethod:PaymentMethod custom_info=_customInfo:CustomInfo
    """,
    "UnTag": """
        user_id=_userId:str abuse_type=_abuseType:str analyst=_analyst:str custom_info=_customInfo:CustomInfo
    """,
    "UpdateAccount": """
        user_id=_userId:str session_id=_sessionId:str device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str user_email=_userEmail:str first_name=_firstName:str
        last_name=_lastName:str phone=_phone:str age=_age:str gender=_gender:str
        referral_code=_referralCode:str referrer_user_id=_referrerUserId:str
        billing_address=_billingAddress:BillingAddress shipping_address=_shippingAddress:ShippingAddress
        payment_methods=_paymentMethods:list[PaymentMethod] promotions=_promotions:list[Promotion]
        social_sign_on_type=_socialSignOnType:str email_confirmed_status=_emailConfirmedStatus:str
        phone_confirmed_status=_phoneConfirmedStatus:str is_newsletter_subscribed=_isNewsletterSubscribed:bool
        account_status=_accountStatus:str facebook_id=_facebookId:str google_id=_googleId:str
        twitter_id=_twitterId:str custom_info=_customInfo:CustomInfo
    """,
    "UpdateOrder": """
        user_id=_userId:str session_id=_sessionId:str order_id=_orderId:str! device_ip=_deviceIp:str
        origin_timestamp=_originTimestamp:str user_email=_userEmail:str amount=_amount:str
        currency_code=_currencyCode:str has_expedited_shipping=_hasExpeditedShipping:bool
        shipping_method=_shippingMethod:str order_referrer=_orderReferrer:str is_pre_paid=_isPrePaid:bool
        is_gift=_isGift:bool is_return=_isReturn:bool is_first_time_buyer=_isFirstTimeBuyer:bool
        billing_address=_billingAddress:BillingAddress shipping_address=_shippingAddress:ShippingAddress
        payment_methods=_paymentMethods:list[PaymentMethod] promotions=_promotions:list[Promotion]
        items=_items:list[Item] custom_info=_customInfo:CustomInfo
    """,
}

_VALUES = {  # the known values of fields; all other fields have none
    "Chargeback.chargeback_state": "_received _accepted _disputed _won _lost",
    "Chargeback.chargeback_reason": "_fraud _duplicate _product_not_received _product_unacceptable _other",
    "ClientAction.action_type": "approved declined onhold",
    "CreateAccount.gender": "_male _female _trans",
    "CreateAccount.social_sign_on_type": "_google _facebook _twitter _linkedin _other",
    "CreateAccount.email_confirmed_status": "_success _failure _pending",
    "CreateAccount.phone_confirmed_status": "_success _failure _pending",
    "CreateAccount.account_status": "_active _inactive",
    "CreateOrder.shipping_method": "_electronic _physical",
    "ItemStatus.item_status": "_approved _canceled _held _fulfilled _returned _rto",
    "ItemStatus.reason": "_paymentRisk _abuse _policy _other",
    "ItemStatus.source": "_automated _manualReview",
    "Login.login_status": "_success _failure",
    "OrderStatus.order_status": "_approved _canceled _held _fulfilled _returned _rto",
    "OrderStatus.reason": "_paymentRisk _abuse _policy _other",
    "OrderStatus.source": "_automated _manualReview",
    "PaymentMethod.payment_type": """
        _cash _check _creditCard _debitCard _netBanking _wallet _cryptoCurrency _electronicFundTransfer _financing
        _giftCard _interac _invoice _moneyOrder _masterPass _points _storeCredit _thirdPartyProcessor _voucher
    """,
    "Promotion.status": "_success _Failed",
    "Promotion.failure_reason": "_alreadyUsed _invalidCode _notApplicable _expired",
    "Reason.name": """
        _numOfFailedTransactions _accountAge _numAccountsWithSameIp _numOfOrderSameIp _ipLocation
        _sameBillShippAddress _isFirstNameLastNameSame _validEmail _shipAddressHasSecondField _isOrdTransIpMatch
    """,
    "Reason.flag": "red green grey",
    "ScoreResponse.flag": "green red",
    "SubmitReview.submission_status": "_success _failure _pending",
    "Tag.abuse_type": "_paymentAbuse _contentAbuse _promotionAbuse _accountAbuse",
    "Transaction.transaction_type": "_sale _authorize _capture _void _refund _deposit _withdrawal _transfer",
    "Transaction.transaction_status": "_success _failure _pending",
    "UnTag.abuse_type": "_paymentAbuse _contentAbuse _promotionAbuse _accountAbuse",
    "UpdateAccount.gender": "_male _female _trans",
    "UpdateAccount.social_sign_on_type": "_google _facebook _twitter _linkedin _other",
    "UpdateAccount.email_confirmed_status": "_success _failure _pending",
    "UpdateAccount.phone_confirmed_status": "_success _failure _pending",
    "UpdateAccount.account_status": "_active _inactive",
    "UpdateOrder.shipping_method": "_electronic _physical",
}


def _field(text: str) -> FieldFact:
    name, _, rest = text.partition("=")
    wire, _, kind = rest.partition(":")
    return FieldFact(name, wire, kind.rstrip("!"), kind.endswith("!"))


APIS = tuple(ApiFact(*line.split()) for line in _METHODS.strip().splitlines())
MODELS = {model: tuple(map(_field, text.split())) for model, text in _FIELDS.items()}
VALUES = {field: tuple(text.split()) for field, text in _VALUES.items()}
RESPONSES = ("ErrorResponse", "EventResponse")
EVENTS = {api.model: api for api in APIS}
PARTS = tuple(model for model in MODELS if model not in EVENTS and model not in RESPONSES and model != "CustomInfo")
