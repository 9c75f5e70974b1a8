import type { TensorProto } from "onnx-buf";
import { ELEMENT, elementsOf, makeTensor, readFloats, shapeOf } from "../graph/index.js";

/** A float tensor with only the given places of one axis, under the same name. */
export function cutTensor(tensor: TensorProto, axis: number, places: readonly number[]): TensorProto {
  const shape = shapeOf(tensor);
  const values = readFloats(tensor);
  const length = shape[axis] ?? 0;
  const inner = elementsOf(shape.slice(axis + 1));
  const outer = elementsOf(shape.slice(0, axis));
  const cut = new Float32Array(outer * places.length * inner);
  for (let block = 0; block < outer; block++) {
    for (const [index, place] of places.entries()) {
      const from = (block * length + place) * inner;
      cut.set(values.subarray(from, from + inner), (block * places.length + index) * inner);
    }
  }
  return makeTensor(tensor.name, ELEMENT.float, shape.with(axis, places.length), cut);
}

/** A float tensor times a factor for each place of one axis, under the given name. */
export function scaleTensor(
  tensor: TensorProto,
  axis: number,
  factorOf: (place: number) => number,
  name = tensor.name,
): TensorProto {
  const shape = shapeOf(tensor);
  const length = shape[axis] ?? 1;
  const inner = elementsOf(shape.slice(axis + 1));
  const factors = Float64Array.from({ length }, (_, place) => factorOf(place));
  const scaled = readFloats(tensor).map((value, index) => value * (factors[Math.floor(index / inner) % length] ?? 1));
  return makeTensor(name, ELEMENT.float, shape, scaled);
}
