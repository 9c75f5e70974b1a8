import { SartorError } from "@sartor/shared/errors";
import type { DesiredDeployment, RuntimeSettings } from "@sartor/shared/protocol";
import type { ProbeReport } from "./serving-port.js";

/** ONNX Runtime names a provider "cpu" in options and "CPUExecutionProvider" in profiles. */
function providerKey(name: string): string {
  return name.replace(/ExecutionProvider$/, "").toLowerCase();
}

/**
 * Decides whether a probe with these settings was passed. A silent fall-back to another provider is a failure, however right the numbers are.
 *
 * @returns undefined when passed, else the error that names the check that failed
 */
export function judgeProbe(
  report: ProbeReport,
  runtime: RuntimeSettings,
  probe: DesiredDeployment["probe"],
): SartorError | undefined {
  const wanted = runtime.executionProviders[0] ?? "cpu";
  if (!report.executionProviders.map(providerKey).includes(providerKey(wanted))) {
    const ran = report.executionProviders.join(", ") || "none";
    return new SartorError("SRT_PROVIDER_UNAVAILABLE", `The provider asked for is ${wanted}; the graph ran on ${ran}.`);
  }
  if (!report.passed) {
    return new SartorError(
      "SRT_PROBE_FAILED",
      `The golden vectors do not hold: largest error ${report.largestAbsoluteError}, first class agrees in ${(100 * report.topOneAgreement).toFixed(1)} %.`,
    );
  }
  if (probe.maximumLatencyMs !== undefined && report.medianLatencyMs > probe.maximumLatencyMs) {
    return new SartorError(
      "SRT_PROBE_FAILED",
      `The median latency is ${report.medianLatencyMs.toFixed(2)} ms; at most ${probe.maximumLatencyMs} ms are accepted.`,
    );
  }
  return undefined;
}
