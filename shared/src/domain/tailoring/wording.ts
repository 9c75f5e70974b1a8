import type { ExecutionProviderName, VariantKind } from "../../protocol/index.js";

const KINDS: Readonly<Record<VariantKind, string>> = {
  fp32: "fp32",
  fp16: "fp16",
  "int8-u8s8": "int8 (U8S8)",
  "int8-u8s8-reduced": "int8 (U8S8, reduced range)",
  "int8-s8s8": "int8 (S8S8, symmetric)",
  "int8-tensorrt": "int8 (TensorRT recipe)",
  "int8-dynamic": "int8 (dynamic)",
  "int8-weight-only": "int8 weights only",
  "int4-weight-only": "int4 weights only",
};
const PROVIDERS: Readonly<Record<ExecutionProviderName, string>> = {
  cpu: "the CPU",
  cuda: "CUDA",
  tensorrt: "TensorRT",
  openvino: "OpenVINO",
};

export const kindName = (kind: VariantKind): string => KINDS[kind];
/** A variant by its kind, and by its name where a version may have several of the kind. */
export const variantName = ({ name, kind }: { readonly name: string; readonly kind: VariantKind }): string =>
  name === kind ? kindName(kind) : `${kindName(kind)}, variant ${name},`;
export const providerName = (provider: ExecutionProviderName): string => PROVIDERS[provider];
/** "1 thread", "4 threads". */
export const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

/** Three significant digits, without an exponent and without trailing zeros: 0.191, 12.3, 480. */
export function number(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const text = value.toFixed(Math.min(digits, 6));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
export const milliseconds = (value: number): string => `${number(value)} ms`;
export const megabytes = (bytes: number): string => `${number(bytes / 1024 / 1024)} MiB`;
export const watts = (milliwatts: number): string => `${number(milliwatts / 1000)} W`;
/** Shares of 1 as percent with two digits: 99.11 %. */
export const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
export const points = (share: number): string => `${number(share * 100)} points`;
