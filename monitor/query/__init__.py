"""The query language of topics, alerts and searches.

`parse` turns a query text into a tree of nodes.  The matcher evaluates the tree on stories, for alerts and topics;
`monitor.store.sqlite.query_compiler` and `monitor.store.elasticsearch.query_compiler` translate it for searches.
"""

from monitor.query.parse import parse
from monitor.query.syntax import Node

__all__ = ["Node", "parse"]
