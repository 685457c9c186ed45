"""Limits: how much one request, and all requests together, may ask of the service."""

# Sizes
LOGIN_BYTES = 4 << 10
"""Of the form with the token, which anybody may send."""
FORM_BYTES = 64 << 10
"""Of any other form without a file."""
BODY_BYTES = 256 << 10
"""Of a JSON body; what it says is checked on the event loop."""
UPLOAD_BYTES = 12 << 20
"""Of an upload: the picture and the form around it."""
UPLOAD_PIXELS = 50_000_000
"""Of an uploaded picture, as its head says; more is a decompression bomb or no photo."""
DECODED_PIXELS = 16_000_000
"""Of them that are decoded; a large JPEG is decoded at a fraction of its size."""
GUEST_SIDE = 768
"""Pixels along the longer side of an uploaded picture as it is kept; encoders look at less."""
THUMBNAIL_SIDES = (96, 192, 384, 768)
"""Pixels along a thumbnail; what is asked for is rounded up to one of these, so that few are made and kept."""
THUMBNAIL_BYTES = 64 << 20
"""Of thumbnails kept in memory; the ones that were not asked for the longest are dropped first."""
CUTOUT_BYTES = 64 << 20
"""Of cut-outs kept in memory, likewise."""
PICTURE_SECONDS = 3600
"""How long a browser may show a thumbnail without asking again."""
LOOKS_SECONDS = 300
"""How long a product page may show looks without asking again."""
TEXT_LENGTH = 300
"""Letters of an id, a word to search for, a title."""

# Counts
OUTFITS = 256
"""In one request to score."""
ITEMS = 20
"""In one outfit, and anchors of one look."""
RULES = 500
"""Switched on at once."""
SLOTS = 8
"""To be filled in one look."""
RESULTS = 100
"""That one request may want of looks, swaps or substitutes."""
FILTER_VALUES = 200
"""In one list of a filter."""
LOOK_ITEMS = 20
"""In one saved look."""
LOOK_TAGS = 20
"""On one saved look."""
TAG_LENGTH = 60
"""Letters of a tag."""
REVIEW_ITEMS = 500
"""Items in one review."""
REVIEW_LOOKS = 3
"""That a review makes for each of its items."""
NOTE_LENGTH = 2000
"""Letters of a note on a look."""
PAGE = 200
"""Items on one page of the catalogue."""
GUESTS = 500
"""Uploaded items that are kept at once."""
PAGE_LOOKS = 8
"""Looks of one item that a product page may ask for."""
PAGE_ITEMS = 24
"""Items whose looks one request may ask for."""
CACHED_LOOKS = 50_000
"""Items whose looks are kept once they are made; the ones that were not asked for the longest are dropped first."""
KEY_RATE, KEY_BURST = 100.0, 500
"""Requests a second with the public key, and how many at once after a pause, by all processes together; another one is
asked to retry later."""
UNFINISHED = 64
"""Forms, logins and events that are being received at once, of each kind; another one is asked to retry later."""
UPLOADS = 8
"""Uploads that are being received at once, and as many that wait to be decoded."""
DECODERS = 1
"""Threads that decode and encode uploads: each may need some hundred megabytes for the moment."""
WAITING = 256
"""Requests that compute or wait for it, and JSON bodies that are being received at once, so that a burst that may wait
can arrive; another one is asked to retry later."""
CONNECTIONS = 1024
"""Open at once, requests and idle ones; another one gets a 503."""
ADDRESS_CONNECTIONS = 256
"""Open at once from one address; another one gets a 503. A proxy is one address."""
WORKERS = 4
"""Threads that compute; thumbnails have as many of their own."""
TOGETHER = 16
"""Searches for looks whose steps one thread computes together."""

EVENTS = 100
"""Impressions, clicks and baskets in one request."""
EVENT_ROWS = 2_000_000
"""Of them that are kept; the oldest ones make room."""
EVENT_RATE, EVENT_BURST = 50.0, 500
"""Requests with events that all processes take together in a second, and at once; a page that is asked to wait loses
them."""

# Times
ANSWER_SECONDS = 30.0
"""To compute an answer; then the client gets an error, and may ask for less."""
HEAD_SECONDS = 10.0
"""For the head of a request to arrive."""
LOGIN_SECONDS = 5.0
"""For the form with the token to arrive."""
BODY_SECONDS = 10.0
"""For a request to arrive whole."""
UPLOAD_SECONDS = 30.0
"""The same for an upload."""
BATCH_SECONDS = 0.0
"""That a request to score waits for others to be scored with, beside the call under way. 2 ms made one client wait
three times as long, and 16 clients were no quicker: requests gather while a call computes (benchmarks/service.py)."""
BATCH_OUTFITS = 1024
"""Scored in one call."""
RELOAD_SECONDS = 900.0
"""To open an index that was put in place of the one that answers."""
WATCH_SECONDS = 2.0
"""Between looks at the folder of the index, where a new one is opened by itself."""
GOODBYE_SECONDS = 10
"""In which the service stops when asked to; answers under way may use most of it."""
LOG_LINES = 60
"""In a minute; rubbish must not fill a disk."""
RETRY_SECONDS = 1
"""After which a client that was asked to retry should."""

ACCESS_LINES = 10_000
"""Of the access log that wait to be written; more are left out, and counted."""
ACCESS_BYTES = 64 << 20
"""Of one file of the access log; one older file is kept."""

# Token
TOKEN_LENGTH = 16
"""Letters, at least, of the token that guards an address others can reach."""
COOKIE_SECONDS = 30 * 24 * 3600
"""How long a browser remembers that its person gave the token."""
