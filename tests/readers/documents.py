"""Reads documents as programs do, and prints what each value came to, in hexadecimal, one a line.

    documents.py KIND FILE NUMBER

The document has the values v0 … vN-1. A value that does not come back as text or bytes is printed as "?" and its type.
"""

import base64
import configparser
import json
import sys
import tomllib
import urllib.parse
import xml.etree.ElementTree


def lines(path):
    with open(path, "rb") as file:
        return dict(line.rstrip(b"\n").split(b"=", 1) for line in file)


def yaml_with(loader_name):
    def read(path):
        import yaml

        with open(path, "rb") as file:
            return yaml.load(file, Loader=getattr(yaml, loader_name))

    return read


def ruamel(path):
    from ruamel.yaml import YAML

    with open(path, "rb") as file:
        return YAML(typ="safe", pure=True).load(file)


def toml(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


def load_json(path):
    with open(path, "rb") as file:
        return json.load(file)


def ini(path):
    parser = configparser.ConfigParser(interpolation=None)
    with open(path, encoding="utf-8") as file:
        parser.read_file(file)
    return parser["values"]


def url(path):
    return {key.decode(): urllib.parse.unquote_to_bytes(value) for key, value in lines(path).items()}


def b64(path):
    return {key.decode(): base64.b64decode(value, validate=True) for key, value in lines(path).items()}


def xml_text(path):
    return {child.tag: child.text or "" for child in xml.etree.ElementTree.parse(path).getroot()}


def xml_attribute(quote):
    return lambda path: {
        child.tag: child.get(quote) for child in xml.etree.ElementTree.parse(path).getroot()
    }


READERS = {
    "tomllib": toml,
    "json": load_json,
    "PyYAML": yaml_with("SafeLoader"),
    "libyaml": yaml_with("CSafeLoader"),
    "ruamel": ruamel,
    "configparser": ini,
    "unquote": url,
    "b64decode": b64,
    "ElementTree-text": xml_text,
    "ElementTree-double": xml_attribute("double"),
    "ElementTree-single": xml_attribute("single"),
}


def main(kind, path, number):
    document = READERS[kind](path)
    for index in range(int(number)):
        value = document.get(f"v{index}")
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogatepass")
        print(value.hex() if isinstance(value, bytes) else f"?{type(value).__name__}")


main(*sys.argv[1:])
