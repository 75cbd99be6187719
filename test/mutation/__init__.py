"""Which changes of the package no test notices: ``python -m test.mutation thirdwatch_api/rest/_pool.py``."""
