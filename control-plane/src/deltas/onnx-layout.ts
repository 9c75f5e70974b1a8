import { type ByteSource, completeLayout, type Element, type Layout, type Stretch } from "@sartor/shared/domain/delta";

/**
 * Where the tensors of an ONNX file lie. It walks the protobuf (onnx.proto: ModelProto.graph 7, GraphProto.initializer 5,
 * TensorProto.data_type 2, name 8, raw_data 9, float_data 4 packed) and steps over what it does not need, so that a file of any
 * size takes a few kilobytes of memory. A file that is no ONNX has no tensors, which is no error: it is cut by content then.
 */
export async function onnxTensors(source: ByteSource): Promise<readonly Stretch[]> {
  const reader = new WireReader(source);
  const tensors: Stretch[] = [];
  try {
    for await (const graph of reader.fields(0, source.length)) {
      if (graph.number !== 7 || graph.type !== LENGTH_DELIMITED) continue;
      for await (const field of reader.fields(graph.start, graph.end)) {
        if (field.number !== 5 || field.type !== LENGTH_DELIMITED) continue;
        const tensor = await tensorIn(reader, field.start, field.end, tensors.length);
        if (tensor !== undefined) tensors.push(tensor);
        if (tensors.length > MOST_TENSORS) return [];
      }
    }
  } catch (thrown) {
    if (thrown instanceof NotProtobuf) return [];
    throw thrown;
  }
  return tensors;
}

/** The layout of an ONNX file, or undefined where it has no tensors. */
export async function onnxLayout(source: ByteSource): Promise<Layout | undefined> {
  const tensors = await onnxTensors(source);
  return tensors.length === 0 ? undefined : completeLayout(tensors, source.length);
}

const MOST_TENSORS = 100_000;
const LONGEST_NAME = 4096;
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** TensorProto.DataType; the others count as bytes. */
const ELEMENT_OF: Readonly<Record<number, Element>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "int16",
  5: "int16",
  6: "int32",
  10: "float16",
  12: "int32",
  16: "bfloat16",
};

async function tensorIn(reader: WireReader, start: number, end: number, index: number): Promise<Stretch | undefined> {
  let name = `initializer ${index}`;
  let element: Element = "bytes";
  let content: { start: number; end: number } | undefined;
  for await (const field of reader.fields(start, end)) {
    if (field.number === 2 && field.type === VARINT) element = ELEMENT_OF[field.value] ?? "bytes";
    else if (field.number === 8 && field.type === LENGTH_DELIMITED && field.end - field.start <= LONGEST_NAME) {
      name = new TextDecoder().decode(await reader.bytes(field.start, field.end - field.start));
    } else if ((field.number === 9 || field.number === 4) && field.type === LENGTH_DELIMITED) content = field;
  }
  if (content === undefined || content.end === content.start) return undefined;
  return { offset: content.start, length: content.end - content.start, element, name };
}

interface WireField {
  readonly number: number;
  readonly type: number;
  /** Of a varint. */
  readonly value: number;
  /** Of what is length-delimited. */
  readonly start: number;
  readonly end: number;
}

class NotProtobuf extends Error {}

const WINDOW = 4096;

/** Reads protobuf fields from a file without reading what they hold. */
class WireReader {
  private readonly source: ByteSource;
  private window = new Uint8Array(0);
  private windowStart = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  async *fields(start: number, end: number): AsyncGenerator<WireField, void, void> {
    let at = start;
    while (at < end) {
      const tag = await this.varint(at, end);
      const [number, type] = [Math.floor(tag.value / 8), tag.value % 8];
      at = tag.next;
      let field: WireField = { number, type, value: 0, start: at, end: at };
      if (type === VARINT) {
        const { value, next } = await this.varint(at, end);
        field = { ...field, value };
        at = next;
      } else if (type === LENGTH_DELIMITED) {
        const { value, next } = await this.varint(at, end);
        field = { ...field, start: next, end: next + value };
        at = next + value;
      } else if (type === FIXED_64) at += 8;
      else if (type === FIXED_32) at += 4;
      else throw new NotProtobuf();
      if (at > end) throw new NotProtobuf();
      yield field;
    }
  }

  async bytes(offset: number, length: number): Promise<Uint8Array> {
    return length === 0 ? new Uint8Array(0) : this.source.read(offset, length);
  }

  private async varint(offset: number, end: number): Promise<{ value: number; next: number }> {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      if (offset + i >= end) throw new NotProtobuf();
      const byte = await this.byte(offset + i);
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return { value, next: offset + i + 1 };
    }
    throw new NotProtobuf();
  }

  private async byte(offset: number): Promise<number> {
    const inside = offset - this.windowStart;
    if (inside >= 0 && inside < this.window.length) return this.window[inside] as number;
    this.window = new Uint8Array(await this.source.read(offset, Math.min(WINDOW, this.source.length - offset)));
    this.windowStart = offset;
    return this.window[0] as number;
  }
}
