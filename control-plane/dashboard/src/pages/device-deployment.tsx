import type { DeviceDetail } from "@sartor/shared/protocol";
import { knownError } from "../api/index.js";
import { ByteBar, EmptyState, ErrorNote, type Fact, Facts, Panel, StatusBadge, StepPath } from "../components/index.js";
import { formatCount, formatMilliseconds, formatShare, formatSignificant, shortDigest } from "../format/index.js";
import { Link, rolloutPath } from "../router/index.js";

const FAILED: readonly string[] = ["failed", "timed_out", "rejected"];

/** The device's newest deployment: step, bytes, what the probe measured, and why it failed. */
export function DeviceDeployment({ device }: { readonly device: DeviceDetail }) {
  const { deployment } = device;
  if (deployment === null) {
    return (
      <Panel title="Deployment">
        <EmptyState title="Nothing was rolled out to this device yet" />
      </Panel>
    );
  }
  const reported = device.reported?.deployment;
  // The control plane's own status may be ahead of the device's last word (timed out, canceled).
  const detail = reported?.deploymentId === deployment.deploymentId ? reported : undefined;
  const timedOut = deployment.status === "timed_out" ? knownError("SRT_DEPLOYMENT_TIMED_OUT") : undefined;
  const error = detail?.error ?? timedOut;
  const probe = detail?.probe;
  const facts: Fact[] = [
    [
      "Rollout",
      <Link key="rollout" to={rolloutPath(deployment.rolloutId)}>
        {deployment.rolloutId}
      </Link>,
    ],
    [
      "Bundle",
      detail === undefined ? null : (
        <code key="bundle" title={detail.bundleId}>
          {shortDigest(detail.bundleId)}
        </code>
      ),
    ],
    ["Attempt", detail === undefined ? null : formatCount(detail.attempt)],
    [
      "Probe",
      probe === undefined
        ? null
        : `${formatCount(probe.goldenVectors)} golden vectors, ${formatShare(probe.topOneAgreement)} agree`,
    ],
    ["Largest error", probe === undefined ? null : formatError(probe.largestAbsoluteError)],
    ["Probe latency", probe === undefined ? null : `${formatMilliseconds(probe.medianLatencyMs)} median`],
    ["Probe ran on", probe?.executionProviders.join(", ")],
  ];
  const showBytes = detail?.progress !== undefined && deployment.status === "in_progress";
  return (
    <Panel title="Deployment" aside={<StatusBadge status={deployment.status} />}>
      <StepPath step={deployment.step} failed={FAILED.includes(deployment.status)} />
      {showBytes && detail?.progress !== undefined ? <ByteBar progress={detail.progress} /> : null}
      {error === undefined ? null : <ErrorNote error={error} title="Why it did not succeed" />}
      <Facts facts={facts} />
    </Panel>
  );
}

function formatError(value: number): string {
  return value !== 0 && value < 0.001 ? value.toExponential(1) : formatSignificant(value);
}
