"""The query language of topics, alerts and search: one grammar, one meaning, three back ends.

A text is parsed to a Node.  The matcher evaluates it for alerts and topics; the compilers in
`monitor.store.sqlite.query_compiler` and `monitor.store.elasticsearch.query_compiler` translate it for searches.
"""

from monitor.query.parse import parse
from monitor.query.syntax import Node

__all__ = ["Node", "parse"]
