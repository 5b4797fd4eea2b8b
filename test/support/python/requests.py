"""Stands in for the package `requests` where it is not installed: the one call that the printed examples make."""

import json as encoding
import urllib.request


def post(url, headers, json):
    body = encoding.dumps(json).encode()
    return urllib.request.urlopen(urllib.request.Request(url, body, headers, method="POST"))
