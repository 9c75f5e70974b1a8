import { EditableGraph, readTensor } from "@sartor/onnx";

/** What one DequantizeLinear of a model is given, as bytes. */
interface Parameters {
  readonly scale: Uint8Array;
  readonly zeroPoint: Uint8Array;
  /** Integers of a weight or bias; absent for activations. */
  readonly integers: Uint8Array | undefined;
}

const OUTPUT_SUFFIX = "_DequantizeLinear_Output";

/** Scale, zero point and constant integers by the name of the value that they stand for. */
function parametersOf(model: Uint8Array): Map<string, Parameters> {
  const graph = EditableGraph.decode(model);
  const bytes = (name: string) => {
    const tensor = graph.initializer(name);
    if (tensor === undefined) return undefined;
    const elements = readTensor(tensor);
    return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  };
  const found = new Map<string, Parameters>();
  for (const { opType, input, output } of graph.nodes) {
    if (opType !== "DequantizeLinear") continue;
    found.set((output[0] ?? "").replace(OUTPUT_SUFFIX, ""), {
      scale: bytes(input[1] ?? "") ?? new Uint8Array(),
      zeroPoint: bytes(input[2] ?? "") ?? new Uint8Array(),
      integers: bytes(input[0] ?? ""),
    });
  }
  return found;
}

/** How many quantized values of `ours` are the same, bit for bit, in `theirs`, differ there, or are not quantized there. */
export function countEqualParameters(ours: Uint8Array, theirs: Uint8Array) {
  const other = parametersOf(theirs);
  let [equal, different, missing] = [0, 0, 0];
  for (const [name, parameters] of parametersOf(ours)) {
    const match = other.get(name);
    if (match === undefined) missing++;
    else if (
      same(parameters.scale, match.scale) &&
      same(parameters.zeroPoint, match.zeroPoint) &&
      same(parameters.integers, match.integers)
    )
      equal++;
    else different++;
  }
  return { equal, different, missing };
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
