"""A store as the previous version of the program left it in Elasticsearch: its templates, indices and documents.

``previous_elasticsearch.json`` is what that program wrote, and stays as it is when the program changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from elasticsearch import NotFoundError, helpers

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

    from monitor.models import Json

_STORED: Final = Path(__file__).with_suffix(".json").read_text()

#: By kind and id, the documents of the store.
DOCUMENTS: Final[dict[str, dict[str, Json]]] = orjson.loads(_STORED)["documents"]


def create(client: Elasticsearch, prefix: str) -> None:
    """Creates all templates, indices, aliases and documents under a prefix."""
    templates: dict[str, Any] = orjson.loads(_STORED.replace("PREFIX", prefix))
    for name, template in templates["component_templates"].items():
        client.cluster.put_component_template(name=name, **template)
    for name, template in templates["index_templates"].items():
        arguments = {key.removeprefix("_"): value for key, value in template.items()}
        client.indices.put_index_template(name=name, **arguments)
    for kind in DOCUMENTS:
        create_index(client, prefix, kind)


def create_index(client: Elasticsearch, prefix: str, kind: str) -> None:
    """Creates the index of one kind with its alias and documents; the templates exist already."""
    alias = f"{prefix}-{kind}"
    client.indices.create(index=f"{alias}-v1", aliases={alias: {"is_write_index": True}})
    actions = [{"_index": alias, "_id": name, "_source": document} for name, document in DOCUMENTS[kind].items()]
    helpers.bulk(client, actions, refresh=True)


def template_names(client: Elasticsearch, prefix: str) -> list[str]:
    """Returns the names of the index templates and then the component templates under a prefix."""
    pattern = f"{prefix}-*"
    names: list[str] = []
    for list_templates, key in (
        (client.indices.get_index_template, "index_templates"),
        (client.cluster.get_component_template, "component_templates"),
    ):
        try:
            names += sorted(template["name"] for template in list_templates(name=pattern)[key])
        except NotFoundError:
            continue
    return names
