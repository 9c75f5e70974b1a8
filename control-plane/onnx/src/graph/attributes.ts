import { create } from "@bufbuild/protobuf";
import { type AttributeProto, AttributeProto_AttributeType, AttributeProtoSchema, type NodeProto } from "onnx-buf";

const TYPE = AttributeProto_AttributeType;
const text = new TextDecoder();

function find(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

/** A whole-number attribute. */
export function intAttribute(node: NodeProto, name: string, fallback: number): number {
  const attribute = find(node, name);
  return attribute === undefined ? fallback : Number(attribute.i);
}

/** A float attribute. */
export function floatAttribute(node: NodeProto, name: string, fallback: number): number {
  return find(node, name)?.f ?? fallback;
}

/** A list of whole numbers; `undefined` where it is absent. */
export function intsAttribute(node: NodeProto, name: string): number[] | undefined {
  return find(node, name)?.ints.map(Number);
}

/** A text attribute. */
export function stringAttribute(node: NodeProto, name: string, fallback: string): string {
  const attribute = find(node, name);
  return attribute === undefined ? fallback : text.decode(attribute.s);
}

/** Makes a whole-number attribute. */
export function intOf(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: TYPE.INT, i: BigInt(value) });
}

/** Makes a float attribute. */
export function floatOf(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: TYPE.FLOAT, f: value });
}

/** Makes a list of whole numbers. */
export function intsOf(name: string, values: readonly number[]): AttributeProto {
  return create(AttributeProtoSchema, { name, type: TYPE.INTS, ints: values.map(BigInt) });
}

/** Makes a text attribute. */
export function stringOf(name: string, value: string): AttributeProto {
  return create(AttributeProtoSchema, { name, type: TYPE.STRING, s: new TextEncoder().encode(value) });
}

/** Replaces an attribute, or removes it where `attribute` is undefined. */
export function setAttribute(node: NodeProto, name: string, attribute?: AttributeProto): void {
  node.attribute = node.attribute.filter((entry) => entry.name !== name);
  if (attribute !== undefined) node.attribute.push(attribute);
}
