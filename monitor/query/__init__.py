"""The query language of topics, alerts and search: one grammar, one meaning, three back ends.

text -> parse -> Node -> matcher (alerts, topics), to_sql, to_elasticsearch
"""

from monitor.query.parse import parse
from monitor.query.syntax import Node

__all__ = ["Node", "parse"]
