import type { Element, Layout } from "@sartor/shared/domain/delta";

/** A row of the table of issue 4, "Few bytes". */
export interface DeltaCase {
  readonly name: string;
  readonly old: Uint8Array;
  readonly now: Uint8Array;
  readonly layout: Layout;
  /** Most bytes that ours may take. */
  readonly atMost: number;
}

/** Uniform and normal draws from a counter that is mixed (M. O'Neill, PCG, 2014, has the like): the same on every machine. */
class Draws {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  uniform(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let x = this.state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  }

  /** Box and Muller's transform. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  normals(count: number, deviation: number): Float32Array {
    return Float32Array.from({ length: count }, () => deviation * this.normal());
  }
}

interface Tensor {
  readonly name: string;
  readonly type: "F32" | "I32" | "I8";
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const ELEMENT_OF: Readonly<Record<Tensor["type"], Element>> = { F32: "float32", I32: "int32", I8: "int8" };

/** A safetensors file (its header padded with blanks, as the format allows, to a given size) and its layout. */
function safetensors(tensors: readonly Tensor[], size: number): { bytes: Uint8Array; layout: Layout } {
  let end = 0;
  const header: Record<string, unknown> = {};
  for (const { name, type, shape, bytes } of tensors) {
    header[name] = { dtype: type, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  const start = size - end;
  const text = JSON.stringify(header);
  if (text.length > start - 8) throw new Error(`${text.length} bytes of header leave no room in ${size}`);
  const file = new Uint8Array(size);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true);
  file.set(new TextEncoder().encode(text.padEnd(start - 8)), 8);
  const layout: { offset: number; length: number; element: Element; name: string }[] = [
    { offset: 0, length: start, element: "bytes", name: "header" },
  ];
  let at = start;
  for (const { name, type, bytes } of tensors) {
    file.set(bytes, at);
    layout.push({ offset: at, length: bytes.length, element: ELEMENT_OF[type], name });
    at += bytes.length;
  }
  return { bytes: file, layout };
}

/** Output and input channels and the kernel's side of a road-sign network of 292,747 parameters; the last is the head. */
const LAYERS: readonly (readonly [number, number, number])[] = [
  [32, 3, 3],
  ...Array.from({ length: 5 }, () => [32, 32, 3] as const),
  [64, 32, 3],
  ...Array.from({ length: 4 }, () => [64, 64, 3] as const),
  [128, 64, 3],
  [43, 128, 1],
];

interface Layer {
  readonly name: string;
  readonly shape: readonly [number, number, number];
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** Drawn as K. He and others initialise ("Delving deep into rectifiers", 2015). */
function layer(index: number, draws: Draws): Layer {
  const shape = LAYERS[index] as readonly [number, number, number];
  const fanIn = shape[1] * shape[2] * shape[2];
  const weight = draws.normals(shape[0] * fanIn, Math.sqrt(2 / fanIn));
  return { name: `layer${index}`, shape, weight, bias: draws.normals(shape[0], 0.1) };
}

function bytesOf(numbers: Float32Array | Int32Array | Int8Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

function asFloats(layers: readonly Layer[]): Tensor[] {
  return layers.flatMap(({ name, shape: [out, into, side], weight, bias }): Tensor[] => [
    { name: `${name}.weight`, type: "F32", shape: [out, into, side, side], bytes: bytesOf(weight) },
    { name: `${name}.bias`, type: "F32", shape: [out], bytes: bytesOf(bias) },
  ]);
}

/** Symmetric int8, a scale for each output channel; biases as int32 in units of scale and an activation scale of 1/64. */
function asIntegers(layers: readonly Layer[]): Tensor[] {
  return layers.flatMap(({ name, shape: [out, into, side], weight, bias }): Tensor[] => {
    const scales = scalesOf(weight, weight.length / out);
    const biases = Int32Array.from(bias, (value, channel) => Math.round((value * 64) / (scales[channel] as number)));
    const shape = [out, into, side, side];
    return [
      { name: `${name}.weight`, type: "I8", shape, bytes: bytesOf(quantized(weight, scales)) },
      { name: `${name}.scale`, type: "F32", shape: [out], bytes: bytesOf(scales) },
      { name: `${name}.bias`, type: "I32", shape: [out], bytes: bytesOf(biases) },
    ];
  });
}

function scalesOf(weight: Float32Array, channel: number): Float32Array {
  return Float32Array.from({ length: Math.ceil(weight.length / channel) }, (_, index) => {
    let most = 0;
    for (const value of weight.subarray(index * channel, (index + 1) * channel)) most = Math.max(most, Math.abs(value));
    return most / 127;
  });
}

function quantized(weight: Float32Array, scales: Float32Array): Int8Array {
  const channel = Math.ceil(weight.length / scales.length);
  return Int8Array.from(weight, (value, index) =>
    Math.max(-127, Math.min(127, Math.round(value / (scales[Math.floor(index / channel)] as number)))),
  );
}

/** All but the head is kept; the head's new weights are drawn apart from the old ones, so that nothing of them can be guessed. */
function headRefitted(): DeltaCase[] {
  const draws = new Draws(1);
  const old = LAYERS.map((_, index) => layer(index, draws));
  const now = [...old.slice(0, -1), layer(LAYERS.length - 1, draws)];
  const make = (name: string, build: (layers: readonly Layer[]) => Tensor[], size: number, atMost: number) => {
    const [before, after] = [safetensors(build(old), size), safetensors(build(now), size)];
    return { name, old: before.bytes, now: after.bytes, layout: after.layout, atMost };
  };
  return [
    make("head refitted, 1.17 MB fp32 network", asFloats, 1_174_088, 20_500),
    make("same in int8", asIntegers, 309_269, 8_000),
  ];
}

/** A bare row of numbers in tensors of one size. */
function rows(length: number, tensor: number, element: Element): Layout {
  return Array.from({ length: Math.ceil(length / tensor) }, (_, index) => ({
    offset: index * tensor,
    length: Math.min(tensor, length - index * tensor),
    element,
    name: `tensor${index}`,
  }));
}

const LARGE_FLOATS = 25_000_000;
const CHANGED_FLOATS = 250_000;
const RUN_FLOATS = 64;

/** 100 MB of float32 weights with 1 % of them drawn anew, in one run or in runs of 64 at places that are drawn. */
function partlyChanged(inOneRun: boolean): DeltaCase {
  const draws = new Draws(2);
  const old = draws.normals(LARGE_FLOATS, 0.05);
  const now = old.slice();
  const run = inOneRun ? CHANGED_FLOATS : RUN_FLOATS;
  for (let changed = 0; changed + run <= CHANGED_FLOATS; changed += run) {
    const from = Math.floor(draws.uniform() * (LARGE_FLOATS - run));
    now.set(draws.normals(run, 0.05), from);
  }
  return {
    name: inOneRun ? "100 MB, 1 % changed in one run" : "100 MB, 1 % changed in runs of 64 floats",
    old: bytesOf(old),
    now: bytesOf(now),
    layout: rows(old.byteLength, 4_000_000, "float32"),
    atMost: inOneRun ? 930_000 : 980_000,
  };
}

const TUNED_FLOATS = 2_786_155;
const CHANNEL = 576;

/** Every weight moved by a normal step of 0.1 % of itself, as float32 and as int8 on the scales of the old weights. */
function fineTuned(asInt8: boolean): DeltaCase {
  const draws = new Draws(3);
  const old = draws.normals(TUNED_FLOATS, 0.05);
  const now = Float32Array.from(old, (value) => value * (1 + 0.001 * draws.normal()));
  const scales = scalesOf(old, CHANNEL);
  const [before, after] = asInt8 ? [quantized8(old, scales), quantized8(now, scales)] : [old, now];
  return {
    name: asInt8
      ? "the same fine-tune shipped as int8 on the old scales"
      : "every float32 moved by about 0.1 %, 2.8 M weights",
    old: bytesOf(before),
    now: bytesOf(after),
    layout: rows(before.byteLength, asInt8 ? 36_864 : 147_456, asInt8 ? "int8" : "float32"),
    atMost: asInt8 ? 500_000 : 5_500_000,
  };
}

function quantized8(weight: Float32Array, scales: Float32Array): Int8Array {
  return Int8Array.from(weight, (value, index) =>
    Math.max(-127, Math.min(127, Math.round(value / (scales[Math.floor(index / CHANNEL)] as number)))),
  );
}

/** The rows one after another, so that only one row's files are in memory. */
export function* deltaCases(): Generator<DeltaCase> {
  yield* headRefitted();
  yield partlyChanged(true);
  yield partlyChanged(false);
  yield fineTuned(false);
  yield fineTuned(true);
}
