import { type ByteSource, completeLayout, cutByContent, type Element, type Layout } from "@sartor/shared/domain/delta";
import { readSafetensorsLayout, safetensorsDataStart } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { TensorType } from "@sartor/shared/protocol";
import { onnxLayout } from "./onnx-layout.js";

/** The others count as bytes. */
const ELEMENT_OF: Partial<Readonly<Record<TensorType, Element>>> = {
  FP32: "float32",
  FP16: "float16",
  INT8: "int8",
  UINT8: "uint8",
  INT16: "int16",
  UINT16: "int16",
  INT32: "int32",
  UINT32: "int32",
};

/** The layout of any file: by its tensors where its format is known (safetensors, ONNX), else cut by content. */
export async function fileLayout(source: ByteSource): Promise<Layout> {
  try {
    return (await safetensorsLayout(source)) ?? (await onnxLayout(source)) ?? (await cutByContent(source));
  } catch (thrown) {
    // Tensors that overlap or are too many: what is in them is only bytes then.
    if (thrown instanceof SartorError && thrown.code === "SRT_DELTA_INVALID") return cutByContent(source);
    throw thrown;
  }
}

/** The layout of a safetensors file, such as golden vectors; undefined where it is none. */
export async function safetensorsLayout(source: ByteSource): Promise<Layout | undefined> {
  try {
    const start = safetensorsDataStart(await source.read(0, Math.min(8, source.length)));
    if (start > source.length) return undefined;
    const { entries } = readSafetensorsLayout(await source.read(0, start), source.length);
    const tensors = entries.map(({ name, dataType, begin, end }) => ({
      offset: begin,
      length: end - begin,
      element: ELEMENT_OF[dataType] ?? ("bytes" as const),
      name,
    }));
    return tensors.length === 0 ? undefined : completeLayout(tensors, source.length);
  } catch (thrown) {
    if (thrown instanceof SartorError && thrown.code === "SRT_TENSOR_INVALID") return undefined;
    throw thrown;
  }
}
