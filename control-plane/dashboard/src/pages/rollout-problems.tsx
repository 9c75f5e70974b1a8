import type { DeviceDeploymentView } from "@sartor/shared/protocol";
import { useMemo } from "preact/hooks";
import { actionOf } from "../api/index.js";
import { plural } from "../format/index.js";
import { devicePath, Link } from "../router/index.js";
import { type ErrorGroup, groupErrors, groupHeld } from "./rollout-errors.js";

/** Reasons, and devices of one reason, that are named. */
const MOST_REASONS = 6;
const MOST_DEVICES = 5;

interface DeploymentsProps {
  readonly deployments: readonly DeviceDeploymentView[];
}

/** Why devices did not succeed: whole sentences, which the table has no room for. */
export function RolloutProblems({ deployments }: DeploymentsProps) {
  const groups = useMemo(() => groupErrors(deployments), [deployments]);
  if (groups.length === 0) return null;
  return (
    <details class="fold problems">
      <summary>Why {plural(countDevices(groups), "device", "devices")} did not succeed</summary>
      <Reasons groups={groups} />
    </details>
  );
}

/** Why devices cannot be told of the rollout yet, in whole sentences: somebody has to do something about it. */
export function RolloutHeld({ deployments }: DeploymentsProps) {
  const groups = useMemo(() => groupHeld(deployments), [deployments]);
  if (groups.length === 0) return null;
  return (
    <div class="note note-warn held">
      <p>
        <b>{plural(countDevices(groups), "device was", "devices were")} not told yet</b>. Orders are signed before
        devices hear of them; <Link to="/trust">Trust</Link> says what is missing. The deadline goes on.
      </p>
      <Reasons groups={groups} />
    </div>
  );
}

function countDevices(groups: readonly ErrorGroup[]): number {
  return groups.reduce((sum, { devices }) => sum + devices.length, 0);
}

function Reasons({ groups }: { readonly groups: readonly ErrorGroup[] }) {
  return (
    <>
      <ul class="sentences">
        {groups.slice(0, MOST_REASONS).map(({ code, message, devices }) => (
          <li key={`${code} ${message}`}>
            {devices.slice(0, MOST_DEVICES).map(({ deviceId, deviceName }, index) => (
              <span key={deviceId}>
                {index === 0 ? "" : ", "}
                <Link to={devicePath(deviceId)}>{deviceName}</Link>
              </span>
            ))}
            {devices.length > MOST_DEVICES ? ` and ${devices.length - MOST_DEVICES} more` : ""}:{" "}
            <code class="code">{code}</code> {message} <span class="muted">{actionOf(code)}</span>
          </li>
        ))}
      </ul>
      {groups.length > MOST_REASONS ? <p class="muted small">Further reasons stand in the table.</p> : null}
    </>
  );
}
