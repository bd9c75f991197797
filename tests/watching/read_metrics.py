"""Reads metrics on stdin as Prometheus does, and prints them as JSON: families with their samples."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

text = sys.stdin.read()
families = [
    {
        "name": family.name,
        "type": family.type,
        "help": family.documentation,
        "samples": [{"name": s.name, "labels": s.labels, "value": s.value} for s in family.samples],
    }
    for family in text_string_to_metric_families(text)
]
json.dump(families, sys.stdout)
