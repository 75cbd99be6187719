"""Report that an order was fulfilled, and print the response."""

import thirdwatch_api
from thirdwatch_api.rest import ApiException
from thirdwatch_api.sandbox import Sandbox

# Without THIRDWATCH_API_KEY in the environment, a sandbox in this process stands in for the service.
if not thirdwatch_api.configuration.api_key:
    sandbox = Sandbox().start()
    thirdwatch_api.configuration.host = sandbox.host
    thirdwatch_api.configuration.api_key["X-THIRDWATCH-API-KEY"] = sandbox.api_key

orders = thirdwatch_api.OrderStatusApi()
event = thirdwatch_api.OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")
try:
    print(orders.order_status(event))
except ApiException as error:
    print(f"Exception when calling OrderStatusApi->order_status: {error}")
