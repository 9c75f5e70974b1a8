/**
 * What ONNX Runtime 1.30 loads, found by loading one-operator models stamped with each version: operator sets 6 to 26
 * run, 27 is refused ("only *guarantees* support for ..."), and it warns below 7; IR version 14 is refused
 * ("max supported IR version: 13"). Operator sets are declared since IR version 3.
 */
export const SUPPORTED = {
  irVersion: { minimum: 3, maximum: 13 },
  opset: { minimum: 7, maximum: 26 },
} as const;

/** Operator domains that ONNX Runtime has kernels for; any other domain must be defined by functions in the model itself. */
const KNOWN_DOMAINS: ReadonlySet<string> = new Set([
  "",
  "ai.onnx.ml",
  "ai.onnx.preview",
  "com.microsoft",
  "com.microsoft.experimental",
  "com.microsoft.nchwc",
  "com.ms.internal.nhwc",
]);

/** The default domain has two spellings. */
export function normalDomain(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

/** How a domain is written for people. */
export function domainName(domain: string): string {
  return domain === "" ? "ai.onnx" : domain;
}

/** Tells whether ONNX Runtime has operators of this domain. */
export function isKnownDomain(domain: string): boolean {
  return KNOWN_DOMAINS.has(normalDomain(domain));
}
