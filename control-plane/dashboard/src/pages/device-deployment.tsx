import type { DeviceDetail } from "@sartor/shared/protocol";
import { knownError, useConnection, useLiveEvents, useResource } from "../api/index.js";
import { ByteBar, EmptyState, ErrorNote, type Fact, Facts, Panel, StatusBadge, StepPath } from "../components/index.js";
import {
  formatCount,
  formatMilliseconds,
  formatShare,
  formatSignificant,
  plural,
  shortDigest,
} from "../format/index.js";
import { Link, rolloutPath } from "../router/index.js";
import { heldWords } from "./rollout-errors.js";
import { basisWords, Sentences } from "./tailoring/index.js";

const FAILED: readonly string[] = ["failed", "timed_out", "rejected"];

/** The device's newest deployment: step, bytes, what the probe measured, and why it failed. */
export function DeviceDeployment({ device }: { readonly device: DeviceDetail }) {
  if (device.deployment === null) {
    return (
      <Panel title="Deployment">
        <EmptyState title="Nothing was rolled out to this device yet" />
      </Panel>
    );
  }
  return <Deployment device={device} deployment={device.deployment} />;
}

interface DeploymentProps {
  readonly device: DeviceDetail;
  readonly deployment: NonNullable<DeviceDetail["deployment"]>;
}

function Deployment({ device, deployment }: DeploymentProps) {
  const { client } = useConnection();
  const { rolloutId, deploymentId, status } = deployment;
  // The status is part of the key: a refusal brings its reason with it.
  const { value: view, reload } = useResource(`deployment ${deploymentId} ${status}`, (signal) =>
    client.deploymentOf(rolloutId, device.deviceId, signal),
  );
  useLiveEvents((event) => {
    if (event.type === "deployment" && event.deployment.deploymentId === deploymentId) reload();
  });
  const reported = device.reported?.deployment;
  // The control plane's own status may be ahead of the device's last word (timed out, canceled).
  const detail = reported?.deploymentId === deployment.deploymentId ? reported : undefined;
  const timedOut = deployment.status === "timed_out" ? knownError("SRT_DEPLOYMENT_TIMED_OUT") : undefined;
  const error = detail?.error ?? view?.error ?? timedOut;
  const probe = detail?.probe;
  const served = device.reported?.serving;
  const threads = detail?.bundleId === served?.bundleId ? served?.intraOpThreads : undefined;
  const tailoring = view?.tailoring;
  const facts: Fact[] = [
    ["Variant", tailoring?.variant ?? slotOf(device, detail?.bundleId)?.variant],
    ["Threads", (threads ?? tailoring?.intraOpThreads)?.toString()],
    [
      "Expected",
      tailoring?.latencyMs == null
        ? null
        : `${formatMilliseconds(tailoring.latencyMs)} median, ${basisWords(tailoring.basis).word}`,
    ],
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
      {view?.held == null ? null : (
        <p class="note note-warn">
          <b>The device was not told yet</b>, {heldWords(view.held)} <code class="code">{view.held.code}</code>{" "}
          <Link to="/trust">Trust</Link> says what is missing.
        </p>
      )}
      <Facts facts={facts} />
      {tailoring == null ? null : (
        <details class="fold">
          <summary>
            Why {tailoring.variant}: {plural(tailoring.reasons.length, "reason", "reasons")}
          </summary>
          <Sentences lines={tailoring.reasons} />
        </details>
      )}
    </Panel>
  );
}

function slotOf({ reported }: DeviceDetail, bundleId: string | undefined) {
  return [reported?.slots.active, reported?.slots.inactive].find((slot) => slot != null && slot.bundleId === bundleId);
}

function formatError(value: number): string {
  return value !== 0 && value < 0.001 ? value.toExponential(1) : formatSignificant(value);
}
