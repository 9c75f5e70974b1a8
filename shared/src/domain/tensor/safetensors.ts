import { SartorError } from "../../errors/index.js";
import type { TensorType } from "../../protocol/index.js";
import { ELEMENT_BYTES, elementCount, type Tensor } from "./tensor.js";

/**
 * The safetensors format (huggingface/safetensors, README "Format"): a little-endian u64 with the header's length, a JSON
 * header `{name: {dtype, shape, data_offsets: [begin, end]}, __metadata__?: {text: text}}`, then the tensors' bytes without
 * holes. It is plain data: reading it can run nothing.
 */
const DATA_TYPES: Readonly<Record<string, TensorType>> = {
  BOOL: "BOOL",
  U8: "UINT8",
  I8: "INT8",
  U16: "UINT16",
  I16: "INT16",
  F16: "FP16",
  U32: "UINT32",
  I32: "INT32",
  F32: "FP32",
  U64: "UINT64",
  I64: "INT64",
  F64: "FP64",
};
const FORMAT_TYPES = Object.fromEntries(Object.entries(DATA_TYPES).map(([format, type]) => [type, format]));

/** Upper bounds of a file that is read here; golden vectors and field samples stay far below. */
export const SAFETENSORS_LIMITS = {
  headerBytes: 1024 * 1024,
  tensors: 1024,
  rank: 16,
  nameCharacters: 512,
} as const;

const METADATA = "__metadata__";

/** What a safetensors file holds; the tensors' data are views into the bytes that were read. */
export interface Safetensors {
  readonly tensors: readonly Tensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

const refuse = (problem: string, cause?: unknown): SartorError =>
  new SartorError("SRT_TENSOR_INVALID", `This is not a valid safetensors file: ${problem}.`, { cause });

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Where a tensor lies in a safetensors file. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dataType: TensorType;
  readonly shape: readonly number[];
  /** First byte of its data and the one behind its last, from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

/** What a safetensors file holds, without its data. */
export interface SafetensorsLayout {
  /** In the order of their bytes. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Where the data of a safetensors file begin, from its first 8 bytes: what must be read to know its layout.
 * @throws SartorError SRT_TENSOR_INVALID for a file that is too short or announces a header beyond the limit.
 */
export function safetensorsDataStart(start: Uint8Array): number {
  if (start.byteLength < 8) throw refuse("it is shorter than 8 bytes");
  const length = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(SAFETENSORS_LIMITS.headerBytes)) {
    throw refuse(`its header is larger than ${SAFETENSORS_LIMITS.headerBytes} bytes`);
  }
  return 8 + Number(length);
}

function parseHeader(bytes: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  const dataStart = safetensorsDataStart(bytes);
  if (dataStart > bytes.byteLength) throw refuse("its header reaches past the end");
  if (bytes[8] !== 0x7b) throw refuse("its header does not start with {");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, dataStart)));
  } catch (error) {
    throw refuse("its header is not JSON", error);
  }
  if (!isRecord(header)) throw refuse("its header is not a JSON object");
  return { header, dataStart };
}

function parseMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === "string")) {
    throw refuse("its metadata are not a map from text to text");
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, entry: unknown, dataBytes: number, dataStart: number): SafetensorsEntry {
  if (name.length > SAFETENSORS_LIMITS.nameCharacters) throw refuse("the name of a tensor is too long");
  const shown = JSON.stringify(name);
  if (!isRecord(entry)) throw refuse(`the entry of tensor ${shown} is not an object`);
  const dataType = typeof entry.dtype === "string" && Object.hasOwn(DATA_TYPES, entry.dtype) && DATA_TYPES[entry.dtype];
  if (!dataType) throw refuse(`tensor ${shown} has a type that is not supported`);
  const shape = entry.shape;
  if (!Array.isArray(shape) || shape.length > SAFETENSORS_LIMITS.rank || !shape.every(isCount)) {
    throw refuse(`the shape of tensor ${shown} is not a list of at most ${SAFETENSORS_LIMITS.rank} sizes`);
  }
  const offsets = entry.data_offsets;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !isCount(offsets[0]) || !isCount(offsets[1])) {
    throw refuse(`the offsets of tensor ${shown} are not two positions`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) throw refuse(`the offsets of tensor ${shown} lie outside the file`);
  if (elementCount(shape) * ELEMENT_BYTES[dataType] !== end - begin) {
    throw refuse(`the shape and type of tensor ${shown} do not make ${end - begin} bytes`);
  }
  return { name, dataType, shape, begin: dataStart + begin, end: dataStart + end };
}

/**
 * Reads where the tensors of a safetensors file lie, for a file that is too large to be read at once.
 * @param start the file's beginning: at least as many bytes as {@link safetensorsDataStart} says
 * @param fileBytes length of the whole file
 * @throws SartorError SRT_TENSOR_INVALID for anything malformed, oversized, overlapping, with holes or of an unsupported type (BF16, F8).
 */
export function readSafetensorsLayout(start: Uint8Array, fileBytes: number): SafetensorsLayout {
  const { header, dataStart } = parseHeader(start);
  const metadata = parseMetadata(Object.hasOwn(header, METADATA) ? header[METADATA] : undefined);
  const entries = Object.entries(header).filter(([name]) => name !== METADATA);
  if (entries.length > SAFETENSORS_LIMITS.tensors) {
    throw refuse(`it holds more than ${SAFETENSORS_LIMITS.tensors} tensors`);
  }
  const placed = entries.map(([name, entry]) => parseEntry(name, entry, fileBytes - dataStart, dataStart));
  placed.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = dataStart;
  for (const { begin, end } of placed) {
    if (begin !== position) throw refuse("its tensors overlap or leave a hole");
    position = end;
  }
  if (position !== fileBytes) throw refuse("bytes follow the last tensor");
  return { entries: placed, metadata };
}

/**
 * Reads a safetensors file. The tensors come in the order of their bytes. Throws as {@link readSafetensorsLayout}.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const { entries, metadata } = readSafetensorsLayout(bytes, bytes.byteLength);
  const tensors = entries.map(({ name, dataType, shape, begin, end }) => {
    return { name, dataType, shape, data: bytes.subarray(begin, end) };
  });
  return { tensors, metadata };
}

/**
 * Writes a safetensors file; the same tensors in the same order give the same bytes. Larger element types come first and
 * the header is padded to 8 bytes, so every tensor is aligned for its type.
 * @throws SartorError SRT_TENSOR_INVALID when a name repeats or a tensor's data do not fit its shape.
 */
export function writeSafetensors(
  tensors: readonly Tensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const ordered = [...tensors].sort((a, b) => ELEMENT_BYTES[b.dataType] - ELEMENT_BYTES[a.dataType]);
  // No prototype: a tensor may be called "__proto__".
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header[METADATA] = metadata;
  let position = 0;
  for (const { name, dataType, shape, data } of ordered) {
    if (name in header || name === METADATA) {
      throw new SartorError("SRT_TENSOR_INVALID", `The tensor name ${JSON.stringify(name)} stands twice.`);
    }
    if (elementCount(shape) * ELEMENT_BYTES[dataType] !== data.byteLength) {
      throw new SartorError("SRT_TENSOR_INVALID", `The data of tensor ${JSON.stringify(name)} do not fit its shape.`);
    }
    header[name] = { dtype: FORMAT_TYPES[dataType], shape, data_offsets: [position, position + data.byteLength] };
    position += data.byteLength;
  }
  const text = JSON.stringify(header);
  const encoded = new TextEncoder().encode(text);
  const headerBytes = Math.ceil(encoded.byteLength / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + position).fill(0x20, 8, 8 + headerBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(encoded, 8);
  let offset = 8 + headerBytes;
  for (const { data } of ordered) {
    file.set(data, offset);
    offset += data.byteLength;
  }
  return file;
}
